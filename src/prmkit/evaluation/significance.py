"""Two systems on the same problems: McNemar's test, and how many problems a verdict would take.

McNemar's test (1947) is the exact one, a sign test on the problems that the two systems decide
differently.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

from prmkit.records import Estimate


class McNemar(NamedTuple):
    """McNemar's exact test of two systems on the same problems."""

    only_a: int
    """Problems that the first system alone has right."""
    only_b: int
    """Problems that the second alone has right."""
    p_value: float
    """Two-sided, in (0, 1]: how often a fair coin splits those problems at least this unevenly."""


def mcnemar(a_P: Sequence[bool], b_P: Sequence[bool]) -> McNemar:
    """McNemar's exact test; it fits where each problem has one case.

    Args:
        a_P: Whether the first system is right on each problem.
        b_P: Whether the second is, on the same problems in the same order.

    Raises:
        ValueError: the two have different lengths.
    """
    only_a = sum(a and not b for a, b in zip(a_P, b_P, strict=True))
    only_b = sum(b and not a for a, b in zip(a_P, b_P, strict=True))
    n = only_a + only_b
    # exact integers: 2^n and the tail of the binomial, so no rounding for many problems
    tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1))
    return McNemar(only_a, only_b, min(1.0, 2 * tail / 2**n))


def needed_to_resolve(
    difference: Estimate, *, confidence: float = 0.95, power: float = 0.8
) -> int | None:
    """Cases that it would take to tell two systems apart, if their difference is the observed one.

    The interval's width gives the standard error, which falls with the square root of the number of
    cases: n ((z_confidence + z_power) / (difference / standard error))^2.

    Args:
        difference: A paired difference with its interval.
        confidence: Coverage of that interval.
        power: Chance that so many cases resolve the difference.

    Returns:
        How many cases of the same kind; None where the difference is 0 or has no width.
    """
    normal = NormalDist()
    z = normal.inv_cdf(0.5 + confidence / 2)
    error = (difference.high - difference.low) / (2 * z)
    if difference.value == 0.0 or error <= 0.0:
        return None
    return math.ceil(difference.n * ((z + normal.inv_cdf(power)) * error / difference.value) ** 2)
