"""What benchmarks in the synthetic world share: solutions by a policy, a ratio as it is shown."""

from collections.abc import Iterable
from functools import partial

from prmkit.answers.equivalence import AnswerChecker
from prmkit.generators.base import Generator, Sampling
from prmkit.generators.drive import drive
from prmkit.intervals import Bootstrap
from prmkit.pipeline.context import check_answer
from prmkit.records import Problem, Solution
from prmkit.sampling import Policy, sample_solutions

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


def shown(rows: Iterable[tuple[str, float, float]], scale: float = 1.0, digits: int = 3) -> str:
    """A ratio of sums with its interval over problems.

    Args:
        rows: Problem, numerator, denominator.
        scale: 100 for percent.
        digits: After the point.
    """
    found = Bootstrap(0, 1000).ratio(rows)
    if found is None:
        return "n/a"
    value, low, high = (f"{scale * x:.{digits}f}" for x in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]"
