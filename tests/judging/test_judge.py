from collections.abc import Callable

import pytest

from prmkit.config import JudgeConfig
from prmkit.errors import ConfigError, DataError
from prmkit.generators.base import Failure, Request, Sampling
from prmkit.generators.drive import drive
from prmkit.generators.scripted import ScriptedGenerator
from prmkit.judging import judge_solution
from prmkit.records import JudgeAnnotation, Outcome, Problem, Solution
from prmkit.seeds import draw_seed

PROBLEM = Problem(problem_id="p", question="2 + 2?", answer="4")
SOLUTION = Solution(
    solution_id="p/m/0",
    problem_id="p",
    policy="m",
    sample_index=0,
    steps=("Add.", "So 5."),
    outcome=Outcome.INCORRECT,
)


def by_vote(*replies: str | Failure) -> Callable[[Request], str | Failure]:
    seeds = {draw_seed(7, "judge", "p/m/0", vote): reply for vote, reply in enumerate(replies)}
    return lambda request: seeds[request.seed]


def judge(*replies: str | Failure, max_new_tokens: int = 9) -> JudgeAnnotation:
    config = JudgeConfig(
        model="critic", votes=len(replies), sampling=Sampling(max_new_tokens=max_new_tokens)
    )
    tasks = [judge_solution(SOLUTION, PROBLEM, config, 7)]
    ((_, annotation),) = drive(tasks, ScriptedGenerator(by_vote(*replies), shuffle_seed=1))
    return annotation


def test_votes_are_read_and_the_majority_decides() -> None:
    annotation = judge("wrong \\boxed{1}", "fine \\boxed{-1}", "\\boxed{1}")
    assert (annotation.first_error, annotation.unscored, annotation.judge) == (1, "", "critic")
    assert [vote.first_error for vote in annotation.votes] == [1, None, 1]
    assert annotation.usage.n_calls == 3


def test_a_cut_off_vote_is_not_read_even_if_it_holds_a_box() -> None:
    annotation = judge("\\boxed{0} no wait let me think", max_new_tokens=3)
    assert [vote.unscored for vote in annotation.votes] == ["unfinished"]
    assert (annotation.first_error, annotation.unscored) == (None, "1 unfinished")


def test_a_failed_call_is_an_unscored_vote_and_never_no_error() -> None:
    annotation = judge(Failure(kind="server", message="500"))
    assert annotation.unscored == "1 server"
    assert annotation.votes[0].text == "500"
    assert annotation.usage.n_calls == 0


def test_one_failed_vote_does_not_silence_the_others() -> None:
    annotation = judge(Failure(kind="server", message="500"), "\\boxed{-1}")
    assert (annotation.first_error, annotation.unscored) == (None, "")


def test_the_judge_never_sees_the_reference_answer() -> None:
    config = JudgeConfig(model="critic", prompt="critique")
    problem = PROBLEM.model_copy(update={"answer": "secret"})
    (request,) = next(judge_solution(SOLUTION, problem, config, 7))
    assert "So 5." in request.messages[0].content
    assert "secret" not in request.messages[0].content


def test_an_unknown_prompt_or_another_problem_is_refused() -> None:
    unknown = JudgeConfig(model="critic", prompt="nosuch")
    with pytest.raises(ConfigError, match="nosuch"):
        next(judge_solution(SOLUTION, PROBLEM, unknown, 7))
    other = PROBLEM.model_copy(update={"problem_id": "q"})
    with pytest.raises(DataError, match="solves p, not q"):
        next(judge_solution(SOLUTION, other, JudgeConfig(model="critic"), 7))
