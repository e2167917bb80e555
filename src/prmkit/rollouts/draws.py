"""Single rollouts: a completion drawn from the end of a step, and what its answer says.

The prefix of step s is steps 0 to s, each followed by a blank line, and the completion continues
it exactly. Draw d of step s has a seed of its own, a hash of (run seed, solution, step, draw),
which is the same whichever annotator asks: two annotators that make the same draw get the same
completion, and a journal pays for it once. A draw that is made again, because it came out unscored,
has the seed of that attempt.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from prmkit.errors import DataError
from prmkit.generators.base import Completion, Message, Reply, Request, Sampling
from prmkit.generators.drive import Task
from prmkit.records import JudgeAnswer, Outcome, Problem, Solution, Usage
from prmkit.seeds import draw_seed
from prmkit.steps import check_same_problem, prefix_text

UNFINISHED = "unfinished"
"""Reason of a draw that the token limit cut off."""


class DrawAt(NamedTuple):
    """The coordinates of one draw within a solution."""

    step: int
    """Index of the step whose end the completion starts from."""
    draw: int
    """Which draw of that step, from 0."""
    attempt: int = 0
    """How often it was made before, and came out unscored."""


class Draw(NamedTuple):
    """What one rollout found."""

    outcome: Outcome
    """Whether prefix and completion together reach the reference answer."""
    reason: str
    """Why it is unscored; empty otherwise."""
    usage: Usage
    """Its cost; nothing for a failed call."""
    text: str | None = None
    """The completion; None for a failed call."""
    extracted: str | None = None
    """The final answer found, or None."""


class DrawSource(Protocol):
    """Where an annotator's draws come from: a model (`Rollouts`), or the past (`Replayed`)."""

    @property
    def solution(self) -> Solution:
        """What is annotated; it has at least one step."""

    def draw(self, places: Sequence[DrawAt]) -> Task[list[Draw]]:
        """Make these draws together; results in the order asked."""


class Rollouts:
    """Draws rollouts of one solution from a model.

    Args:
        solution: What to annotate.
        problem: What it solves.
        run_seed: The recipe's seed; each draw's own seed derives from it.
        sampling: How completions are drawn.
        judge_answer: Checks the final answer of prefix and completion.

    Raises:
        DataError: the solution has no steps or solves another problem.
    """

    def __init__(
        self,
        solution: Solution,
        problem: Problem,
        run_seed: int,
        sampling: Sampling,
        judge_answer: JudgeAnswer,
    ) -> None:
        check_same_problem(solution, problem)
        if not solution.steps:
            raise DataError(f"{solution.solution_id}: no steps to annotate")
        self._solution = solution
        self._problem = problem
        self._run_seed = run_seed
        self._sampling = sampling
        self._judge_answer = judge_answer

    @property
    def solution(self) -> Solution:
        """What is annotated."""
        return self._solution

    def draw(self, places: Sequence[DrawAt]) -> Task[list[Draw]]:
        """Make these draws together; results in the order asked."""
        replies = yield [self.request(at) for at in places]
        return [self._judge(at, reply) for at, reply in zip(places, replies, strict=True)]

    def request(self, at: DrawAt) -> Request:
        """The request of one draw."""
        attempt = (at.attempt,) if at.attempt else ()
        return Request(
            messages=(Message(role="user", content=self._problem.question),),
            prefix=self._prefix(at.step),
            seed=draw_seed(
                self._run_seed, "rollout", self._solution.solution_id, at.step, at.draw, *attempt
            ),
            sampling=self._sampling,
        )

    def _prefix(self, step: int) -> str:
        return prefix_text(self._solution.steps, step + 1)

    def _judge(self, at: DrawAt, reply: Reply) -> Draw:
        if not isinstance(reply, Completion):
            return Draw(Outcome.UNSCORED, reply.kind, Usage())
        if reply.finish_reason == "length":
            return Draw(Outcome.UNSCORED, UNFINISHED, reply.usage, reply.text)
        checked = self._judge_answer(self._prefix(at.step) + reply.text, self._problem)
        return Draw(checked.outcome, checked.reason, reply.usage, reply.text, checked.extracted)
