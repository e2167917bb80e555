"""The threshold of a PRM whose scores are not probabilities: chosen on one set, used on others.

A threshold chosen on the cases that it is judged on is no result. ProcessBench chooses Skywork's on
its GSM8K subset and uses it for the others (github.com/QwenLM/ProcessBench, issue 3). The best
threshold of each subset itself is an upper bound on what any choice could give, and called so.

A case is decided rightly by the thresholds of one interval: above the score of the wrong step and
not above any score before it; without error, not above any score. So the best threshold is found
exactly, by counting interval ends in the order of the scores.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prmkit.errors import NothingScored

Floats = npt.NDArray[np.float64]


class ScoredCase(NamedTuple):
    """What choosing a threshold needs of a case."""

    first_error: int | None
    """Truth."""
    scores: Sequence[float]
    """One a step."""


class Threshold(NamedTuple):
    """A threshold and what it gives on the cases that chose it."""

    value: float
    """A step that scores below it is called wrong."""
    f1: float
    """F1 of those cases, in [0, 1]."""


def best_threshold(cases: Sequence[ScoredCase]) -> Threshold:
    """The threshold with the highest F1 on these cases; of equally good ones that nearest to 0.5.

    Between two neighbouring scores every threshold gives the same; their middle is taken.

    Raises:
        NothingScored: there is no case with an error, or none without.
    """
    n_error = sum(case.first_error is not None for case in cases)
    if not 0 < n_error < len(cases):
        raise NothingScored("choosing a threshold needs cases with an error and cases without")
    cuts = _cuts(cases)
    error, correct = (
        _right(cuts, [_interval(case) for case in cases if (case.first_error is None) is without])
        for without in (False, True)
    )
    error, correct = error / n_error, correct / (len(cases) - n_error)
    total = error + correct
    f1 = np.where(total == 0.0, 0.0, 2 * error * correct / np.where(total == 0.0, 1.0, total))
    best = np.flatnonzero(f1 == f1.max())
    chosen = int(best[np.argmin(np.abs(cuts[best] - 0.5))])
    return Threshold(float(cuts[chosen]), float(f1[chosen]))


def _cuts(cases: Sequence[ScoredCase]) -> Floats:
    """One threshold for each way to divide the scores, ascending."""
    scores = np.unique(np.concatenate([np.asarray(case.scores, dtype=float) for case in cases]))
    middle = scores[:-1] + (scores[1:] - scores[:-1]) / 2
    # between two neighbouring floats there is no middle; the upper one divides them as well
    between = np.where(middle > scores[:-1], middle, scores[1:])
    above = np.nextafter(scores[-1], math.inf)
    return np.concatenate([scores[:1], between, [above]])


def _interval(case: ScoredCase) -> tuple[float, float]:
    """Thresholds t with low < t <= high decide the case rightly."""
    if case.first_error is None:
        return -math.inf, min(case.scores)
    before = min(case.scores[: case.first_error], default=math.inf)
    return case.scores[case.first_error], before


def _right(cuts: Floats, intervals: Sequence[tuple[float, float]]) -> Floats:
    """How many intervals hold each cut."""
    within = np.array([pair for pair in intervals if pair[0] < pair[1]]).reshape(-1, 2)
    starts = np.searchsorted(cuts, within[:, 0], side="right")
    ends = np.searchsorted(cuts, within[:, 1], side="right")
    change = np.zeros(len(cuts) + 1)
    np.add.at(change, starts, 1.0)
    np.add.at(change, ends, -1.0)
    return np.asarray(np.cumsum(change)[:-1], dtype=np.float64)
