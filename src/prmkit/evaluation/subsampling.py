"""Best-of-N for every N up to the samples that there are: the mean over all subsets of that size.

Taking the first N of the samples uses one subset of many; the mean over all of them has the same
expectation and less noise, as pass@k has (arXiv 2107.03374). Within a subset samples keep their
order, so ties go to the first as they do among all.

* pass@k and picking by a score have closed forms: the sample of rank r (0 = best) is picked if it
  is drawn and none above it is, in C(n - 1 - r, k - 1) of C(n, k) subsets.
* Votes: up to 12 samples every subset is counted. Of more, the plain majority with ties to the
  first has an exact count, too (`_majority_counts`, up to 64 samples); everything else is the mean
  over random nested subsets, seeded by problem, and exact again for all samples together.

Unscored: a subset in which a method decides nothing is left out of that method's mean; a problem
without any that decides is unscored there.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prmkit.evaluation.best_of_n import Sample, Ties, Values, pass_at_k
from prmkit.records import Outcome

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MOST_ENUMERATED = 12
"""Up to so many samples all subsets are counted."""
MOST_COUNTED = 64
"""Up to so many samples a plain majority is counted exactly."""
_DRAWS = 200  # random orders of the samples of one problem
_CELLS = 8_000_000  # bounds draws x samples x answers held at once
_SAME = 1e-12  # relative


class _Subsets(NamedTuple):
    """Subsets to take a mean over, by size."""

    holds: Bools
    """Shape (M, n): whether a subset holds a sample."""
    sizes: npt.NDArray[np.int64]
    """Shape (M,)."""


def pass_curve(samples: Sequence[Sample]) -> Values:
    """pass@k for k = 1 to N."""
    return [pass_at_k(samples, k) for k in range(1, len(samples) + 1)]


def best_curve(
    samples: Sequence[Sample], scores: Sequence[float | None], ties: Ties = "first"
) -> Values:
    """Chance that the highest score of k samples picks a right one, for k = 1 to N.

    Args:
        samples: Of one problem, in order.
        scores: One a sample; None is never picked.
        ties: `first`: of equal scores the first sample; `fractional`: the chance when one of them
            is drawn.
    """
    n = len(samples)
    ranked = sorted((-score, index) for index, score in enumerate(scores) if score is not None)
    groups: list[list[int]] = []
    last: float | None = None
    for negative, index in ranked:
        if ties == "first" or negative != last:
            groups.append([])
        groups[-1].append(index)
        last = negative
    return [_picked(samples, groups, n, k) for k in range(1, n + 1)]


def _picked(
    samples: Sequence[Sample], groups: Sequence[Sequence[int]], n: int, k: int
) -> float | None:
    """Mean over subsets of k of the value of the best group's samples."""
    right = decided = 0.0
    rank = 0
    for group in groups:
        ways = math.comb(n - rank, k) - math.comb(n - rank - len(group), k)
        share = ways / math.comb(n, k) / len(group)
        outcomes = [samples[index].outcome for index in group]
        right += share * outcomes.count(Outcome.CORRECT)
        decided += share * (len(group) - outcomes.count(Outcome.UNSCORED))
        rank += len(group)
    return min(1.0, right / decided) if decided > 0.0 else None


def vote_curve(
    samples: Sequence[Sample],
    weights: Sequence[float | None] | None = None,
    ties: Ties = "first",
    seed: Sequence[int] = (0,),
) -> Values:
    """Chance that the answer with the most votes, or the most weight, is right, for k = 1 to N.

    Args:
        samples: Of one problem, in order. Unscored ones and those without an answer do not vote.
        weights: At least 0, one a sample; None does not vote. Without weights each vote counts one.
        ties: As in `best_of_n.maj_at_n`.
        seed: Of the random subsets, where subsets are too many to count.
    """
    ballots = _ballots(samples, weights)
    n = len(samples)
    if n > MOST_ENUMERATED and n <= MOST_COUNTED and weights is None and ties == "first":
        return _majority_counts(samples, ballots)
    if n > MOST_ENUMERATED:
        return _random_orders(samples, ballots, ties, seed)
    subsets = _all_subsets(n)
    values_M = _decide(samples, ballots, subsets.holds, ties)
    decided_M = ~np.isnan(values_M)
    total = np.bincount(subsets.sizes[decided_M], values_M[decided_M], minlength=n + 1)
    count = np.bincount(subsets.sizes[decided_M], minlength=n + 1)
    return [float(total[k] / count[k]) if count[k] else None for k in range(1, n + 1)]


class _Ballots(NamedTuple):
    """The samples that vote."""

    index_V: npt.NDArray[np.int64]
    """Their places, rising."""
    group_V: npt.NDArray[np.int64]
    """Number of their answer, by first appearance."""
    weight_V: Floats
    right_V: Floats
    """1 if the sample is right, else 0."""


def _ballots(samples: Sequence[Sample], weights: Sequence[float | None] | None) -> _Ballots:
    numbers: dict[str, int] = {}
    rows: list[tuple[int, int, float, float]] = []
    for index, sample in enumerate(samples):
        weight = 1.0 if weights is None else weights[index]
        if weight is None or sample.answer is None or sample.outcome is Outcome.UNSCORED:
            continue
        group = numbers.setdefault(sample.answer, len(numbers))
        rows.append((index, group, weight, float(sample.outcome is Outcome.CORRECT)))
    table_V4 = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return _Ballots(
        table_V4[:, 0].astype(np.int64),
        table_V4[:, 1].astype(np.int64),
        table_V4[:, 2],
        table_V4[:, 3],
    )


def _decide(samples: Sequence[Sample], ballots: _Ballots, holds_MN: Bools, ties: Ties) -> Floats:
    """Value of each subset; NaN where nothing is decided."""
    known_wrong = np.array([sample.outcome is Outcome.INCORRECT for sample in samples])
    values_M = np.where((holds_MN & ~known_wrong).any(axis=1), np.nan, 0.0)
    if not len(ballots.index_V):
        return values_M
    holds_MV = holds_MN[:, ballots.index_V]
    member_VG = ballots.group_V[:, None] == np.arange(ballots.group_V.max() + 1)
    sums_MG = np.zeros((len(holds_MV), member_VG.shape[1]))
    for voter, group in enumerate(ballots.group_V):  # in order: see best_of_n._heaviest
        sums_MG[:, group] += holds_MV[:, voter] * ballots.weight_V[voter]
    there_MG = (holds_MV @ member_VG.astype(np.float64)) > 0
    sums_MG = np.where(there_MG, sums_MG, -np.inf)
    most_M = sums_MG.max(axis=1, keepdims=True)
    tied_MG = there_MG & (sums_MG == most_M)
    voted_M = there_MG.any(axis=1)
    if ties == "first":
        first_M = (holds_MV & tied_MG[:, ballots.group_V]).argmax(axis=1)
        found_M = ballots.right_V[first_M]
    else:
        found_M = _fractional(ballots, holds_MV, tied_MG)
    values_M[voted_M] = found_M[voted_M]
    return values_M


def _fractional(ballots: _Ballots, holds_MV: Bools, tied_MG: Bools) -> Floats:
    """Mean over the tied answers; an answer's outcome is that of its first sample drawn."""
    right_M = np.zeros(len(holds_MV))
    for group in range(tied_MG.shape[1]):
        members = np.flatnonzero(ballots.group_V == group)
        first_M = members[holds_MV[:, members].argmax(axis=1)]
        right_M += np.where(tied_MG[:, group], ballots.right_V[first_M], 0.0)
    return np.asarray(right_M / np.maximum(tied_MG.sum(axis=1), 1))


@lru_cache(maxsize=4)
def _all_subsets(n: int) -> _Subsets:
    numbers = np.arange(1, 2**n)
    holds = (numbers[:, None] >> np.arange(n)) & 1 == 1
    return _Subsets(holds, holds.sum(axis=1))


def _random_orders(
    samples: Sequence[Sample], ballots: _Ballots, ties: Ties, seed: Sequence[int]
) -> Values:
    """Means over random orders of the samples, the first k of each being a subset of size k.

    Sums grow sample by sample, so all k cost as much as one. With all samples the value is exact.
    """
    n = len(samples)
    n_groups = int(ballots.group_V.max()) + 1 if len(ballots.group_V) else 1
    draws = int(np.clip(_CELLS // (n * n_groups), 20, _DRAWS))
    order_DN = np.random.default_rng(list(seed)).permuted(np.tile(np.arange(n), (draws, 1)), axis=1)
    group_N, weight_N, right_N = np.full(n, -1), np.zeros(n), np.zeros(n + 1)
    group_N[ballots.index_V], weight_N[ballots.index_V] = ballots.group_V, ballots.weight_V
    right_N[ballots.index_V] = ballots.right_V
    member_DNG = group_N[order_DN][:, :, None] == np.arange(n_groups)
    sums_DNG = np.cumsum(member_DNG * weight_N[order_DN][:, :, None], axis=1)
    first_DNG = np.minimum.accumulate(np.where(member_DNG, order_DN[:, :, None], n), axis=1)
    there_DNG = first_DNG < n
    sums_DNG[~there_DNG] = -np.inf
    most_DN1 = sums_DNG.max(axis=2, keepdims=True)
    # the order of adding differs from draw to draw: equal sums may differ by rounding
    tied_DNG = there_DNG & (sums_DNG >= most_DN1 - _SAME * np.abs(most_DN1))
    if ties == "first":
        found_DN = right_N[np.where(tied_DNG, first_DNG, n).min(axis=2)]
    else:
        total_DN = np.where(tied_DNG, right_N[first_DNG], 0.0).sum(axis=2)
        found_DN = total_DN / np.maximum(tied_DNG.sum(axis=2), 1)
    known_wrong = np.array([sample.outcome is Outcome.INCORRECT for sample in samples])
    none_DN = np.where(np.logical_and.accumulate(known_wrong[order_DN], axis=1), 0.0, np.nan)
    values_DN = np.where(there_DNG.any(axis=2), found_DN, none_DN)
    values_DN[:, -1] = _decide(samples, ballots, np.ones((1, n), dtype=bool), ties)[0]
    decided_N = (~np.isnan(values_DN)).sum(axis=0)
    total_N = np.nansum(values_DN, axis=0)
    return [float(t / d) if d else None for t, d in zip(total_N, decided_N, strict=True)]


def _majority_counts(samples: Sequence[Sample], ballots: _Ballots) -> Values:
    """The plain majority over all subsets, counted without listing them.

    Condition on the answer a that wins, on its first sample p that is drawn and on its number of
    votes j. The j - 1 others come from a's samples after p. Another answer b may have fewer than j
    votes in any way, or exactly j if all of them come after p, else it would win the tie. The
    product over b of these counts, as polynomials in the number of samples drawn, gives how many
    subsets of each size there are.
    """
    n = len(samples)
    groups = [
        [int(i) for i in ballots.index_V[ballots.group_V == g]]
        for g in range(int(ballots.group_V.max()) + 1 if len(ballots.group_V) else 0)
    ]
    silent = set(range(n)) - {int(i) for i in ballots.index_V}
    silent_wrong = sum(samples[i].outcome is Outcome.INCORRECT for i in silent)
    won_K = np.zeros(n + 1)
    right = dict(zip(ballots.index_V.tolist(), ballots.right_V.tolist(), strict=True))
    for a, own in enumerate(groups):
        others = [group for b, group in enumerate(groups) if b != a]
        for place, p in enumerate(own):
            if right[p]:
                won_K += _won_from(p, len(own) - place - 1, others, len(silent), n)
    values: Values = []
    for k in range(1, n + 1):
        undecided = math.comb(len(silent), k) - math.comb(silent_wrong, k)
        decided = math.comb(n, k) - undecided
        values.append(min(1.0, float(won_K[k] / decided)) if decided else None)
    return values


def _won_from(
    p: int, n_after: int, others: Sequence[Sequence[int]], n_silent: int, n: int
) -> Floats:
    """Subsets by size in which sample p is the first of the winning answer's."""
    won_K = np.zeros(n + 1)
    largest = max(map(len, others), default=0)
    free = n_silent + sum(map(len, others))
    for votes in range(1, n_after + 2):
        if votes > largest:
            ways = _binomials(free)
        else:
            ways = _binomials(n_silent)
            for other in others:
                ways = np.convolve(ways, _at_most(other, votes, p))
        ways = math.comb(n_after, votes - 1) * ways[: n + 1 - votes]
        won_K[votes : votes + len(ways)] += ways
    return won_K


def _at_most(group: Sequence[int], votes: int, p: int) -> Floats:
    """Ways to draw i samples of a group that loses against `votes`, i = 0, 1, ..."""
    fewer = _binomials(len(group))[:votes]
    if len(group) < votes:
        return fewer
    after = sum(index > p for index in group)
    return np.append(fewer, float(math.comb(after, votes)))


@lru_cache(maxsize=256)
def _binomials(n: int) -> Floats:
    return np.array([float(math.comb(n, i)) for i in range(n + 1)])
