"""Sums by problem, the raw material of a figure that is more than a mean."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from prmkit.evaluation.by_ends import by_ends
from prmkit.evaluation.processbench import f1_of_sums
from prmkit.intervals import Bootstrap, Floats
from prmkit.records import Estimate

Statistic = Callable[[Floats], Floats]
"""Sums over problems, shape (..., C), to values, shape (...); NaN = 0/0."""


def by_problem(rows: Iterable[tuple[str, Sequence[float]]]) -> Floats:
    """Rows of (problem id, C numbers) summed by problem, shape (P, C), problems sorted by id."""
    sums: dict[str, Floats] = {}
    for problem_id, values in rows:
        row = np.asarray(values, dtype=np.float64)
        sums[problem_id] = sums[problem_id] + row if problem_id in sums else row
    return np.array([sums[key] for key in sorted(sums)])


def f1_of(
    places: Iterable[tuple[str, int | None, int | None]], n_unscored: int, interval: Bootstrap
) -> Estimate | None:
    """F1 of placing first errors: harmonic mean of error and correct accuracy, over all rows.

    Args:
        places: (problem id, truth, prediction), None = no error.
        n_unscored: Rows without a prediction, to state.
        interval: How to resample.

    Returns:
        None where either kind of solution is missing.
    """
    rows = [
        (p, (truth is not None and hit, truth is not None, truth is None and hit, truth is None))
        for p, truth, predicted in places
        for hit in (truth == predicted,)
    ]
    sums_P4 = by_problem(rows)
    found = interval.of_sums(sums_P4, f1_of_sums, (len(rows), n_unscored))
    return found and by_ends(found, [sums_P4], one_f1, interval)


def one_f1(sums: Floats) -> Floats:
    """F1 from sums of a single stratum, (..., 1, 4), as `intervals.by_ends` hands them over."""
    return f1_of_sums(sums[..., 0, :])
