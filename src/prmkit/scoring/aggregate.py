"""One score for a whole solution from the scores of its steps.

The product is the default of arXiv 2501.07301 (section 2.2); last and min are its alternatives. The
geometric mean is the product freed of the number of steps, which a product punishes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, get_args

from prmkit.errors import ConfigError, DataError, NothingScored

Aggregate = Literal["product", "min", "last", "mean", "geometric_mean"]
AGGREGATES: tuple[Aggregate, ...] = get_args(Aggregate)


def aggregate(scores_S: Sequence[float], how: Aggregate) -> float:
    """Aggregate the step scores of one solution.

    Args:
        scores_S: Probability that each step is right, in [0, 1], in step order.
        how: One of `AGGREGATES`.

    Returns:
        A number in [0, 1]. A product below 1e-308 comes out as 0; rank by `log_product` where
        solutions may be that long.

    Raises:
        NothingScored: there is no score; an unscored solution has no aggregate.
        DataError: a score lies outside [0, 1] or is not a number.
        ConfigError: `how` is not known.
    """
    _check(scores_S)
    if how not in _METHODS:
        raise ConfigError(f"aggregate {how!r}: allowed are {', '.join(AGGREGATES)}")
    return _METHODS[how](scores_S)


def log_product(scores_S: Sequence[float]) -> float:
    """Sum of the logarithms of the scores, at most 0; -inf if one is 0.

    Orders solutions as the product does, without ever rounding a long one to 0.

    Raises:
        NothingScored: there is no score.
        DataError: a score lies outside [0, 1] or is not a number.
    """
    _check(scores_S)
    return math.fsum(math.log(s) if s > 0.0 else -math.inf for s in scores_S)


def _check(scores_S: Sequence[float]) -> None:
    if not scores_S:
        raise NothingScored("no step score to aggregate")
    for step, score in enumerate(scores_S):
        if not 0.0 <= score <= 1.0:
            raise DataError(f"score of step {step} is {score}, outside [0, 1]")


def _mean(scores_S: Sequence[float]) -> float:
    return math.fsum(scores_S) / len(scores_S)


def _last(scores_S: Sequence[float]) -> float:
    return scores_S[-1]


def _geometric_mean(scores_S: Sequence[float]) -> float:
    return math.exp(log_product(scores_S) / len(scores_S))


_METHODS: Mapping[str, Callable[[Sequence[float]], float]] = MappingProxyType(
    {
        "product": math.prod,
        "min": min,
        "last": _last,
        "mean": _mean,
        "geometric_mean": _geometric_mean,
    }
)

ANY_SCALE: Mapping[str, Callable[[Sequence[float]], float]] = MappingProxyType(
    {name: _METHODS[name] for name in ("min", "last", "mean")}
)
"""Aggregates that also make sense of scores outside [0, 1]; a product of logits does not."""
