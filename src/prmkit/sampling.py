"""Problems to solutions: one task a (problem, policy, sample).

A cut-off text is an unscored solution (`unfinished`); a failed call or a blank text is no solution
at all and comes back as rejected with its reason.
"""

from collections.abc import Iterable, Iterator

from prmkit.generators.base import Completion, Message, Request, Sampling
from prmkit.generators.drive import Task
from prmkit.records import CheckedAnswer, JudgeAnswer, Outcome, Problem, Rejected, Solution
from prmkit.seeds import draw_seed
from prmkit.steps import split_steps


class Policy:
    """A policy's name and settings, and how its texts become solutions."""

    def __init__(
        self, name: str, sampling: Sampling, run_seed: int, judge_answer: JudgeAnswer
    ) -> None:
        self.name = name
        self._sampling = sampling
        self._run_seed = run_seed
        self._judge_answer = judge_answer

    def request(self, problem: Problem, sample_index: int) -> Request:
        """The request of one sample."""
        return Request(
            messages=(Message(role="user", content=problem.question),),
            seed=draw_seed(self._run_seed, "sample", self.name, problem.problem_id, sample_index),
            sampling=self._sampling,
        )

    def sample(self, problem: Problem, sample_index: int) -> Task[Solution | Rejected]:
        """Draw one solution of one problem."""
        (reply,) = yield [self.request(problem, sample_index)]
        solution_id = f"{problem.problem_id}/{self.name}/{sample_index}"
        if not isinstance(reply, Completion):
            return Rejected(row=solution_id, reason=f"{reply.kind}: {reply.message}")
        steps = split_steps(reply.text)
        if not steps:
            return Rejected(row=solution_id, reason=f"blank: finish_reason {reply.finish_reason}")
        checked = self._check(reply, problem)
        return Solution(
            solution_id=solution_id,
            problem_id=problem.problem_id,
            policy=self.name,
            sample_index=sample_index,
            steps=steps,
            outcome=checked.outcome,
            reason=checked.reason,
            extracted=checked.extracted,
            usage=reply.usage,
        )

    def _check(self, completion: Completion, problem: Problem) -> CheckedAnswer:
        if completion.finish_reason == "length":
            return CheckedAnswer(Outcome.UNSCORED, "unfinished")
        return self._judge_answer(completion.text, problem)


def sample_solutions(
    problems: Iterable[Problem], policy: Policy, n_samples: int
) -> Iterator[Task[Solution | Rejected]]:
    """Tasks that draw n_samples solutions of every problem, problem by problem.

    Args:
        problems: What to solve.
        policy: Who solves; its generator is where the tasks are driven.
        n_samples: Solutions a problem, at least 1.

    Yields:
        One task a sample, whose result is a solution, or the rejected row with the reason.
    """
    for problem in problems:
        for sample_index in range(n_samples):
            yield policy.sample(problem, sample_index)
