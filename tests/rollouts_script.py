"""Scripted rollouts of one solution: what each draw replies, and everything that was asked."""

from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st

from prmkit.config import RolloutConfig
from prmkit.generators.base import Completion, Failure, Reply, Request, Sampling
from prmkit.generators.drive import Task
from prmkit.records import Annotated, CheckedAnswer, McAnnotation, Outcome, Problem, Solution, Usage
from prmkit.rollouts import annotators
from prmkit.rollouts.draws import Rollouts
from prmkit.seeds import draw_seed

T = TypeVar("T")

C, W, U = Outcome.CORRECT, Outcome.INCORRECT, Outcome.UNSCORED
PROBLEM = Problem(problem_id="p", question="2 + 2?", answer="4")
COST = Usage(n_calls=1, prompt_tokens=5, generated_tokens=2)
RUN_SEED = 7


def solution(n_steps: int, outcome: Outcome = C) -> Solution:
    return Solution(
        solution_id="p/m/0",
        problem_id="p",
        policy="m",
        sample_index=0,
        steps=tuple(f"step {i}" for i in range(n_steps)),
        outcome=outcome,
        reason="unfinished" if outcome is U else "",
    )


def check_answer(text: str, problem: Problem) -> CheckedAnswer:
    if text.endswith("slow"):
        return CheckedAnswer(U, "timeout")
    right = text.endswith(problem.answer)
    return CheckedAnswer(C if right else W, "", text[-1])


def done(text: str) -> Completion:
    return Completion(text=text, finish_reason="stop", usage=COST)


REPLIES: dict[str, Reply] = {
    "right": done("so 4"),
    "wrong": done("so 5"),
    "slow": done("so slow"),
    "cut": Completion(text="so 4", finish_reason="length", usage=COST),
    "failed": Failure(kind="server", message="500"),
}


def play(task: Task[T], reply: Callable[[Request], Reply]) -> tuple[T, list[Request]]:
    """Run a task against a function; its result and the requests that it made."""
    asked: list[Request] = []
    try:
        requests = next(task)
        while True:
            asked += requests
            requests = task.send([reply(request) for request in requests])
    except StopIteration as stop:
        return stop.value, asked


def script(words: list[list[str]]) -> Callable[[Request], Reply]:
    """Reply to draw d of step s, known by its seed, with words[s][d].

    A word of several, as in `cut/right`, replies to one attempt after the other.
    """
    by_seed = {
        draw_seed(RUN_SEED, "rollout", "p/m/0", step, draw, *((attempt,) if attempt else ())): word
        for step, row in enumerate(words)
        for draw, attempts in enumerate(row)
        for attempt, word in enumerate(attempts.split("/"))
    }
    return lambda request: REPLIES[by_seed[request.seed]]


def rollouts(given_solution: Solution, problem: Problem = PROBLEM) -> Rollouts:
    return Rollouts(given_solution, problem, RUN_SEED, Sampling(), check_answer)


def annotate(
    words: list[list[str]],
    config: RolloutConfig,
    outcome: Outcome = C,
    claim: Annotated | None = None,
) -> tuple[McAnnotation, list[Request]]:
    task = annotators.annotate(rollouts(solution(len(words), outcome)), config, claim)
    return play(task, script(words))


REDRAWS = 2
WORDS = st.one_of(
    st.sampled_from(["right", "wrong"]),
    st.lists(st.sampled_from(sorted(REPLIES)), min_size=REDRAWS + 1, max_size=REDRAWS + 1).map(
        "/".join
    ),
)


@st.composite
def scripts(draw: st.DrawFn) -> tuple[list[list[str]], RolloutConfig]:
    k = draw(st.integers(1, 6))
    row = st.lists(WORDS, min_size=k, max_size=k)
    words = draw(st.lists(row, min_size=1, max_size=5))
    config = RolloutConfig(
        k=k,
        threshold=draw(st.integers(0, k - 1)),
        redraws=draw(st.integers(0, REDRAWS)),
        finished_is_known=draw(st.booleans()),
    )
    return words, config


def with_annotator(config: RolloutConfig, name: str) -> RolloutConfig:
    return RolloutConfig.model_validate({**dict(config), "annotator": name})
