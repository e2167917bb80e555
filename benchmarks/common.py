"""What benchmarks in the synthetic world share: solutions, their truth, a ratio as it is shown."""

from collections.abc import Iterable
from functools import partial

from prmkit.answers.equivalence import AnswerChecker
from prmkit.generators.base import Generator, Sampling
from prmkit.generators.drive import drive
from prmkit.intervals import Bootstrap
from prmkit.pipeline.context import check_answer
from prmkit.records import Problem, Solution
from prmkit.sampling import Policy, sample_solutions
from prmkit.synthetic.oracle import first_error, world_of

SAMPLING = Sampling(temperature=0.8, max_new_tokens=500)


def sampled(
    problems: Iterable[Problem],
    name: str,
    generator: Generator,
    checker: AnswerChecker,
    n_samples: int = 1,
) -> list[Solution]:
    """Solutions that a policy writes, in order of problem and sample."""
    policy = Policy(name, SAMPLING, 1, partial(check_answer, checker))
    drawn = sorted(drive(sample_solutions(problems, policy, n_samples), generator))
    return [row for _, row in drawn if isinstance(row, Solution)]


def true_error(solution: Solution, problem: Problem) -> int | None:
    """Where the oracle sees the first error."""
    found = first_error(world_of(problem), solution.steps)
    return None if found is None else found.step


def shown(rows: Iterable[tuple[str, float, float]]) -> str:
    """A ratio of sums over (problem, numerator, denominator), with its interval over problems."""
    found = Bootstrap(0, 1000).ratio(rows)
    return "n/a" if found is None else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
