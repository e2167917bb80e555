"""Intervals of means of shares and of F1s that no resample changes, from the ends of the shares."""

from collections.abc import Sequence

import numpy as np

from prmkit.intervals import Bootstrap, Floats, Statistic, ratio, share_over_problems
from prmkit.records import Estimate


def by_ends(
    found: Estimate, strata_GPC: Sequence[Floats], statistic: Statistic, how: Bootstrap
) -> Estimate:
    """A statistic of shares as it is, or, if no resample changes it, by the ends of its shares.

    So it is where each share is 0 or 1. The low end is the statistic of the shares' low ends, the
    high end that of their high ends: wider than 95 %.

    Args:
        found: The estimate, in [0, 1].
        strata_GPC: As for `bootstrap`; columns 2i and 2i + 1 are the cases of share i that are
            right, and all its cases.
        statistic: As for `bootstrap`; it rises with every share.
        how: Seed and number of resamples.
    """
    if found.low < found.high:
        return found
    shares_GI = [
        [
            share_over_problems(rows_PC[:, i : i + 2], (found.n, 0), **how._asdict())
            for i in range(0, rows_PC.shape[1], 2)
        ]
        for rows_PC in strata_GPC
    ]
    low = _at([[share.low for share in shares_I] for shares_I in shares_GI], statistic)
    high = _at([[share.high for share in shares_I] for shares_I in shares_GI], statistic)
    return found.model_copy(
        update={"low": low, "high": high, "method": "by the ends of its shares"}
    )


def mean_share(sums: Floats) -> Floats:
    """Mean over strata of a share, from sums (..., G, 2)."""
    return np.asarray(ratio(sums[..., 0], sums[..., 1]).mean(axis=-1), dtype=np.float64)


def _at(shares_GI: Sequence[Sequence[float]], statistic: Statistic) -> float:
    """The statistic where the shares are these."""
    sums_GC = [[x for share in shares_I for x in (share, 1.0)] for shares_I in shares_GI]
    return float(statistic(np.array(sums_GC)))
