"""First-error metrics of ProcessBench (arXiv 2412.06559) with intervals.

On the cases with an error, the share whose first error is predicted exactly; on those without, the
share predicted to have none; F1 is the harmonic mean of the two, and a benchmark's figure is the
plain mean of its subsets' F1. A PRM predicts the first step that scores below 0.5.

Where this departs from the official script: F1 is 0 where both accuracies are 0 (there it divides
by zero); a prediction that could not be made is unscored, out of the denominators and counted
(there it is a wrong prediction: `unreadable="wrong"`); and every figure has an interval, by a
bootstrap over problems within each subset (of an F1 of exactly 0 or 1, from the ends of its parts).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from prmkit.errors import DataError, NothingScored
from prmkit.evaluation.by_ends import by_ends, mean_share
from prmkit.intervals import Bootstrap, Floats, bootstrap, ratio, share_over_problems
from prmkit.records import Estimate

Unreadable = Literal["apart", "wrong"]
Degenerate = Literal["", "never_an_error", "always_an_error", "always_the_same_place"]


class ProcessCase(NamedTuple):
    """One solution with the true and the predicted place of its first error."""

    case_id: str
    """Unique; pairs the cases of two systems."""
    problem_id: str
    """Cases of one problem are resampled together."""
    subset: str
    """Named part of the benchmark."""
    first_error: int | None
    """Truth: index of the first wrong step; None = no step is wrong."""
    predicted: int | None
    """Prediction, the same way; None also where unscored."""
    unscored: str = ""
    """Why there is no prediction; empty if there is."""


class SubsetResult(NamedTuple):
    """The figures of one subset, each in [0, 1]."""

    error_accuracy: Estimate
    """Share of the cases with an error whose first error is predicted exactly."""
    correct_accuracy: Estimate
    """Share of the cases without error that are predicted to have none."""
    f1: Estimate
    """Harmonic mean of the two; 0 if both are 0."""


class ProcessResult(NamedTuple):
    """The figures of one system."""

    subsets: Mapping[str, SubsetResult]
    """By subset, in order of first appearance."""
    mean_f1: Estimate
    """Plain mean of the subsets' F1."""


class PartFigures(NamedTuple):
    """The figures of any part of a benchmark, its subsets pooled; None where no case has a say."""

    error_accuracy: Estimate | None
    """Share of the cases with an error whose first error is predicted exactly."""
    correct_accuracy: Estimate | None
    """Share of the cases without error that are predicted to have none."""
    f1: Estimate | None
    """Harmonic mean of the two."""


class ProcessDifference(NamedTuple):
    """F1 of one system minus F1 of another on the same cases."""

    subsets: Mapping[str, Estimate]
    """By subset."""
    mean_f1: Estimate
    """Of the plain mean over subsets."""


def predict_first_error(scores_S: Sequence[float], decision: float = 0.5) -> int | None:
    """Index of the first step that scores below `decision`; None if there is none.

    Raises:
        NothingScored: there is no score; no prediction is not "no error".
        DataError: a score is not a number.
    """
    if not scores_S:
        raise NothingScored("no step score to predict from")
    if any(math.isnan(score) for score in scores_S):
        raise DataError("a step score is not a number")
    return next((step for step, score in enumerate(scores_S) if score < decision), None)


def evaluate(
    cases: Sequence[ProcessCase],
    *,
    seed: int,
    resamples: int = 1000,
    unreadable: Unreadable = "apart",
) -> ProcessResult:
    """Compute all figures of one system; the order of cases does not matter.

    Args:
        cases: All subsets together.
        seed: Seed of the resampling alone.
        resamples: Resamples over problems.
        unreadable: `apart` leaves unscored cases out and counts them; `wrong` counts them as wrong
            predictions, as the official script does.

    Raises:
        NothingScored: a subset has no scored case with an error, or none without.
        DataError: a case comes twice.
    """
    how = Bootstrap(seed, resamples)
    hits = _hits_by_subset(_by_id(cases).values(), unreadable)
    return ProcessResult(
        {subset: _subset_result(hits[subset], how) for subset in hits},
        _f1(_strata(hits), _flat(hits), how),
    )


def part_figures(
    cases: Sequence[ProcessCase],
    *,
    seed: int,
    resamples: int = 1000,
    unreadable: Unreadable = "apart",
) -> PartFigures:
    """Figures of a part of a benchmark, e.g. of one generator's solutions.

    Raises:
        DataError: a case comes twice.
    """
    hits = _flat(_hits_by_subset(_by_id(cases).values(), unreadable))
    rows_P4 = _sums(hits)
    has_error, has_none = (bool(rows_P4[:, column].any()) for column in (1, 3))
    how = Bootstrap(seed, resamples)
    return PartFigures(
        _share(rows_P4, hits, how, has_error=True) if has_error else None,
        _share(rows_P4, hits, how, has_error=False) if has_none else None,
        _f1([rows_P4], hits, how) if has_error and has_none else None,
    )


def mean_error_accuracy(
    cases: Sequence[ProcessCase],
    *,
    seed: int,
    resamples: int = 1000,
    unreadable: Unreadable = "apart",
) -> Estimate:
    """Plain mean over subsets of the share of first errors that are placed exactly.

    Raises:
        NothingScored: a subset has no scored case with an error.
        DataError: a case comes twice.
    """
    hits = _hits_by_subset(_by_id(cases).values(), unreadable)
    strata = [_sums(hits[subset])[:, :2] for subset in sorted(hits)]
    n_cases, how = _counts(_flat(hits), has_error=True), Bootstrap(seed, resamples)
    found = bootstrap(strata, mean_share, n_cases, **how._asdict())
    return by_ends(found, strata, mean_share, how)


def compare(
    a: Sequence[ProcessCase],
    b: Sequence[ProcessCase],
    *,
    seed: int,
    resamples: int = 1000,
    unreadable: Unreadable = "apart",
) -> ProcessDifference:
    """F1 of system a minus F1 of system b, paired: both see the same problems in every resample.

    Args:
        a: Cases of the first system.
        b: The same cases with the predictions of the second, in any order.
        seed: Seed of the resampling alone.
        resamples: Resamples over problems.
        unreadable: `apart` leaves out of both a case that either system leaves unscored.

    Raises:
        DataError: the two are not about the same cases, or disagree about the truth.
        NothingScored: a subset has no case of one kind that both systems scored.
    """
    estimate = partial(bootstrap, seed=seed, resamples=resamples)
    pairs = _pairs(a, b)
    hits_a = _hits_by_subset((x for x, _ in pairs), unreadable)
    hits_b = _hits_by_subset((y for _, y in pairs), unreadable)
    shared_a = {subset: _scored_by_both(hits_a[subset], hits_b[subset]) for subset in hits_a}
    shared_b = {subset: _scored_by_both(hits_b[subset], hits_a[subset]) for subset in hits_b}
    rows = dict(
        zip(sorted(hits_a), map(_side_by_side, _strata(shared_a), _strata(shared_b)), strict=True)
    )
    return ProcessDifference(
        {s: estimate([rows[s]], _f1_difference, _counts(shared_a[s])) for s in hits_a},
        estimate(list(rows.values()), _f1_difference, _counts(_flat(shared_a))),
    )


def degenerate(cases: Sequence[ProcessCase]) -> Degenerate:
    """Name what makes a system's predictions independent of the solutions; empty if nothing does.

    A system that never finds an error, finds one in every solution, or finds one at the same place
    in every solution has learnt nothing, whatever its figures. Unscored cases do not count; no
    scored case is no finding.
    """
    places = {case.predicted for case in cases if not case.unscored}
    if places == {None}:
        return "never_an_error"
    if len(places) == 1:
        return "always_the_same_place"
    return "always_an_error" if places and None not in places else ""


def sums_by_subset(
    cases: Sequence[ProcessCase], unreadable: Unreadable = "apart"
) -> dict[str, Floats]:
    """Of each subset the sums that `f1_of_sums` takes, by problem in the order of ids; (P, 4).

    Raises:
        DataError: a case comes twice.
    """
    hits = _hits_by_subset(_by_id(cases).values(), unreadable)
    return {subset: _sums(own) for subset, own in hits.items()}


class _Hit(NamedTuple):
    """What one case adds to the figures."""

    problem_id: str
    subset: str
    has_error: bool
    scored: bool
    right: bool


def _hits_by_subset(cases: Iterable[ProcessCase], unreadable: Unreadable) -> dict[str, list[_Hit]]:
    by_subset: dict[str, list[_Hit]] = {}
    for case in cases:
        read = not case.unscored
        hit = _Hit(
            problem_id=case.problem_id,
            subset=case.subset,
            has_error=case.first_error is not None,
            scored=read or unreadable == "wrong",
            right=read and case.predicted == case.first_error,
        )
        by_subset.setdefault(case.subset, []).append(hit)
    return by_subset


def _scored_by_both(hits: Sequence[_Hit], others: Sequence[_Hit]) -> list[_Hit]:
    return [
        hit._replace(scored=hit.scored and other.scored)
        for hit, other in zip(hits, others, strict=True)
    ]


def _subset_result(hits: Sequence[_Hit], how: Bootstrap) -> SubsetResult:
    (rows_P4,) = _strata({hits[0].subset: hits})
    return SubsetResult(
        _share(rows_P4, hits, how, has_error=True),
        _share(rows_P4, hits, how, has_error=False),
        _f1([rows_P4], hits, how),
    )


def _share(rows_P4: Floats, hits: Sequence[_Hit], how: Bootstrap, *, has_error: bool) -> Estimate:
    """Accuracy on the cases of one kind."""
    rows_P2 = rows_P4[:, :2] if has_error else rows_P4[:, 2:]
    return share_over_problems(rows_P2, _counts(hits, has_error=has_error), **how._asdict())


def _f1(strata: Sequence[Floats], hits: Sequence[_Hit], how: Bootstrap) -> Estimate:
    """Plain mean of the strata's F1."""
    found = bootstrap(strata, mean_f1_of_sums, _counts(hits), **how._asdict())
    return by_ends(found, strata, mean_f1_of_sums, how)


def _strata(hits: Mapping[str, Sequence[_Hit]]) -> list[Floats]:
    """Sums by problem of each subset, in the order of their names."""
    strata: list[Floats] = []
    for subset in sorted(hits):
        rows_P4 = _sums(hits[subset])
        for column, kind in ((1, "with an error"), (3, "without error")):
            if not rows_P4[:, column].any():
                raise NothingScored(f"subset {subset!r}: no scored case {kind}")
        strata.append(rows_P4)
    return strata


def _sums(hits: Sequence[_Hit]) -> Floats:
    """Sums by problem in the order of their ids, shape (P, 4).

    Columns: cases with an error predicted right, all of them; cases without, the same.
    """
    sums: dict[str, list[float]] = {hit.problem_id: [0.0] * 4 for hit in hits}
    for hit in hits:
        if hit.scored:
            sums[hit.problem_id][0 if hit.has_error else 2] += hit.right
            sums[hit.problem_id][1 if hit.has_error else 3] += 1
    return np.array([sums[problem_id] for problem_id in sorted(sums)]).reshape(-1, 4)


def _side_by_side(a_P4: Floats, b_P4: Floats) -> Floats:
    return np.concatenate([a_P4, b_P4], axis=1)


def _flat(hits: Mapping[str, Sequence[_Hit]]) -> list[_Hit]:
    return [hit for group in hits.values() for hit in group]


def _counts(hits: Sequence[_Hit], *, has_error: bool | None = None) -> tuple[int, int]:
    """Scored and unscored cases of one kind, or of both."""
    scored = [hit.scored for hit in hits if has_error is None or hit.has_error is has_error]
    return sum(scored), len(scored) - sum(scored)


def f1_of_sums(sums: Floats) -> Floats:
    """F1 from sums (..., 4): errors placed, errors, right ones cleared, right ones; 0/0 is NaN."""
    error, correct = ratio(sums[..., 0], sums[..., 1]), ratio(sums[..., 2], sums[..., 3])
    total = error + correct
    return np.where(total == 0.0, 0.0, ratio(2 * error * correct, total))


def mean_f1_of_sums(sums: Floats) -> Floats:
    """Mean over strata of F1, from sums (..., G, 4)."""
    return np.asarray(f1_of_sums(sums).mean(axis=-1), dtype=np.float64)


def _f1_difference(sums: Floats) -> Floats:
    """From sums (..., G, 8): the first system's columns, then the second's."""
    return mean_f1_of_sums(sums[..., :4]) - mean_f1_of_sums(sums[..., 4:])


def _by_id(cases: Iterable[ProcessCase]) -> dict[str, ProcessCase]:
    by_id: dict[str, ProcessCase] = {}
    for case in cases:
        if case.case_id in by_id:
            raise DataError(f"{case.case_id}: the case comes twice")
        by_id[case.case_id] = case
    return by_id


def _pairs(
    a: Sequence[ProcessCase], b: Sequence[ProcessCase]
) -> list[tuple[ProcessCase, ProcessCase]]:
    """Cases of the two systems, matched by id."""
    a_by_id, b_by_id = _by_id(a), _by_id(b)
    if a_by_id.keys() != b_by_id.keys():
        lone = sorted(a_by_id.keys() ^ b_by_id.keys())
        raise DataError(f"{len(lone)} cases are not in both systems, {lone[0]} the first")
    pairs = [(case, b_by_id[case_id]) for case_id, case in a_by_id.items()]
    for x, y in pairs:
        # The first four fields are the case itself, the others are the system's.
        if x[:4] != y[:4]:
            raise DataError(f"{x.case_id}: the systems disagree about the case: {x[:4]}, {y[:4]}")
    return pairs
