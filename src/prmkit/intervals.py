"""Intervals around reported numbers: bootstrap over problems, paired difference, Wilson.

The bootstrap is the percentile bootstrap (Efron 1979) over problems: all rows of a problem are
drawn together, so correlated samples of one problem do not narrow the interval. It works on
statistics that are functions of sums over problems (a mean, a ratio, an F1), for which a resample
is a vector of multinomial counts and all resamples are one matrix product. Where many problems have
equal rows, they are drawn as one kind with their share: the same distribution, at a cost that does
not grow with the problems. Strata (subsets of a benchmark) are resampled each on its own, as their
sizes are fixed by design.

A share of exactly 0 or 1 leaves nothing to resample, however few cases there are. It gets the
Wilson score interval (1927) over problems, as if each were one case, wherever shares are reported.
Another statistic that no resample changes is said to be one in its `method`.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from prmkit.errors import NothingScored
from prmkit.records import Estimate

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""Sums over problems, shape (..., G strata, C columns) -> statistic, shape (...); NaN = 0/0."""

K = TypeVar("K", bound=Hashable)

_FEW = 8  # problems a kind on average, from which on kinds are drawn
_WEIGHTS_AT_ONCE = 2_000_000  # resamples x problems held in memory together: 16 MB
_WEIGHTS_KEPT = 10_000_000  # resamples x problems kept between calls: 80 MB


def bootstrap(
    strata_GPC: Sequence[Floats],
    statistic: Statistic,
    n_cases: tuple[int, int],
    *,
    seed: int,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> Estimate:
    """Percentile bootstrap over problems of a statistic of sums.

    Args:
        strata_GPC: For each stratum g an array (P_g, C); row p holds the sums of problem p.
        statistic: Maps sums over problems, shape (..., G, C), to values, shape (...).
        n_cases: (scored cases, unscored cases) to state in the estimate.
        seed: Seed of the resampling alone.
        resamples: Resamples drawn, at least 1.
        confidence: Coverage aimed at, in (0, 1).

    Returns:
        The statistic of the sample with its interval. Resamples where the statistic is 0/0 are
        left out and their number stands in `method`.

    Raises:
        NothingScored: a stratum is empty, or the statistic of the sample itself is 0/0.
    """
    if not strata_GPC or any(len(rows_PC) == 0 for rows_PC in strata_GPC):
        raise NothingScored("bootstrap over no problems")
    sample_GC = np.stack([rows_PC.sum(axis=0) for rows_PC in strata_GPC])
    value = float(statistic(sample_GC))
    if np.isnan(value):
        raise NothingScored("the statistic divides by zero scored cases")
    rng = np.random.default_rng(seed)
    sums_RGC = np.stack([_resampled_sums(rows, rng, resamples) for rows in strata_GPC], axis=1)
    return estimate_of(value, statistic(sums_RGC), n_cases, confidence=confidence)


def estimate_of(
    value: float,
    values_R: Floats,
    n_cases: tuple[int, int],
    over: str = "problems",
    *,
    confidence: float = 0.95,
) -> Estimate:
    """A value with the central interval of its resamples.

    Args:
        value: Of the sample.
        values_R: Of each resample; NaN = 0/0, left out and counted in `method`.
        n_cases: (scored cases, unscored cases) to state.
        over: What was drawn again.
        confidence: Coverage aimed at, in (0, 1).
    """
    defined_R = values_R[~np.isnan(values_R)]
    low, high = _percentiles(defined_R, value, confidence)
    method = _said(over, confidence, len(values_R), defined_R)
    n, n_unscored = n_cases
    return Estimate(value=value, low=low, high=high, n=n, n_unscored=n_unscored, method=method)


class Bootstrap(NamedTuple):
    """How intervals are made."""

    seed: int
    """Seed of the resampling alone."""
    resamples: int
    """Resamples over problems."""

    def share(self, rows: Iterable[tuple[str, bool]], n_unscored: int = 0) -> Estimate | None:
        """Share of rows that are true; rows are (problem id, value) and problems are drawn whole.

        Returns:
            None if there is no row.
        """
        shares = self.shares((problem_id, None, float(value)) for problem_id, value in rows)
        found = shares.get(None)
        return found and found.model_copy(update={"n_unscored": n_unscored})

    def shares(self, rows: Iterable[tuple[str, K, float | None]]) -> dict[K, Estimate]:
        """`means` of values in [0, 1]; one of exactly 0 or 1 has the Wilson interval."""
        problems: dict[K, set[str]] = {}

        def noted() -> Iterator[tuple[str, K, float | None]]:
            for problem_id, of, value in rows:
                if value is not None:
                    problems.setdefault(of, set()).add(problem_id)
                yield problem_id, of, value

        found = self.means(noted())
        return {of: honest_share(e, len(problems[of])) for of, e in found.items()}

    def means(self, rows: Iterable[tuple[str, K, float | None]]) -> dict[K, Estimate]:
        """Means of values by slice, every slice on the same resamples of all problems.

        Args:
            rows: (problem id, slice, value); a value of None is unscored: left out, counted.

        Returns:
            By slice, in order of first appearance; slices without a scored value are absent.
        """
        table = _Sums.of(rows)
        if not table.slices:
            return {}
        sums_RC, totals_C = self._resampled(table.sums_PC), table.sums_PC.sum(axis=0)
        values_RK = ratio(sums_RC[:, 0::2], sums_RC[:, 1::2])
        return {
            of: estimate_of(
                float(totals_C[2 * k] / totals_C[2 * k + 1]),
                values_RK[:, k],
                (int(totals_C[2 * k + 1]), table.n_unscored[of]),
            )
            for k, of in enumerate(table.slices)
            if totals_C[2 * k + 1] > 0
        }

    def of_sums(
        self, sums_PC: Floats, statistic: Callable[[Floats], Floats], n_cases: tuple[int, int]
    ) -> Estimate | None:
        """A statistic of sums over problems, on the resamples of `means`.

        Args:
            sums_PC: Row p holds the sums of problem p.
            statistic: Maps sums over problems, shape (..., C), to values, shape (...); NaN = 0/0.
            n_cases: (scored cases, unscored cases) to state.

        Returns:
            None if there is no problem, or the statistic of the sample itself is 0/0.
        """
        if not len(sums_PC):
            return None
        value = float(statistic(sums_PC.sum(axis=0)))
        if np.isnan(value):
            return None
        return estimate_of(value, statistic(self._resampled(sums_PC)), n_cases)

    def ratio(self, rows: Iterable[tuple[str, float, float]]) -> Estimate | None:
        """One sum over another, as cost a labelled solution; problems are drawn whole.

        Args:
            rows: (problem, part of the sum above, part of the sum below).

        Returns:
            None if there is no row, or the sum below is 0.
        """
        sums: dict[str, list[float]] = {}
        counted = list(rows)
        for problem_id, above, below in counted:
            own = sums.setdefault(problem_id, [0.0, 0.0])
            own[0] += above
            own[1] += below
        sums_P2 = np.array([sums[key] for key in sorted(sums)])
        return self.of_sums(sums_P2, lambda s: ratio(s[..., 0], s[..., 1]), (len(counted), 0))

    def of_share(
        self, sums_PC: Floats, statistic: Callable[[Floats], Floats], n_cases: tuple[int, int]
    ) -> Estimate | None:
        """`of_sums` of a statistic in [0, 1]; one of exactly 0 or 1 has the Wilson interval.

        Its problems are those that have a value by themselves, that is, not 0/0.
        """
        found = self.of_sums(sums_PC, statistic, n_cases)
        return found and honest_share(found, int(np.count_nonzero(~np.isnan(statistic(sums_PC)))))

    def _resampled(self, sums_PC: Floats) -> Floats:
        weights = _weights(self.seed, len(sums_PC), self.resamples)
        return np.concatenate([weights_RP @ sums_PC for weights_RP in weights])


class _Sums(NamedTuple):
    """Sums and counts of values by problem and slice."""

    slices: list[Any]
    """In order of first appearance."""
    n_unscored: dict[Any, int]
    """By slice."""
    sums_PC: Floats
    """Row p: for each slice in turn the sum of the problem's values and their number."""

    @classmethod
    def of(cls, rows: Iterable[tuple[str, Any, float | None]]) -> "_Sums":
        found: dict[str, dict[Any, list[float]]] = {}
        n_unscored: dict[Any, int] = {}
        for problem_id, of, value in rows:
            n_unscored.setdefault(of, 0)
            if value is None:
                n_unscored[of] += 1
                continue
            cell = found.setdefault(problem_id, {}).setdefault(of, [0.0, 0.0])
            cell[0] += value
            cell[1] += 1.0
        slices = list(n_unscored) if found else []
        at = {of: 2 * k for k, of in enumerate(slices)}
        sums_PC = np.zeros((len(found), 2 * len(slices)))
        for p, problem_id in enumerate(sorted(found)):
            for of, cell in found[problem_id].items():
                sums_PC[p, at[of] : at[of] + 2] = cell
        return cls(slices, n_unscored, sums_PC)


def share_over_problems(
    rows_P2: Floats, n_cases: tuple[int, int], *, seed: int, resamples: int = 1000
) -> Estimate:
    """A share of cases, by a bootstrap over problems; a share of exactly 0 or 1 by Wilson.

    Args:
        rows_P2: By problem the cases that are right, and all its cases.
        n_cases: (scored cases, unscored cases) to state in the estimate.
        seed: Seed of the resampling alone.
        resamples: Resamples over problems.

    Raises:
        NothingScored: there is no case.
    """
    found = bootstrap([rows_P2], _mean, n_cases, seed=seed, resamples=resamples)
    return honest_share(found, int(np.count_nonzero(rows_P2[:, 1])))


def honest_share(share: Estimate, n_problems: int) -> Estimate:
    """A share as it is, or, if it is exactly 0 or 1, with the Wilson interval over problems."""
    if share.value not in (0.0, 1.0):
        return share
    found = wilson(n_problems if share.value else 0, n_problems)
    ends = {"low": found.low, "high": found.high, "method": f"{found.method} over problems"}
    return share.model_copy(update=ends)


def mean_over_problems(
    values_P: Sequence[float | None], *, seed: int, resamples: int = 1000
) -> Estimate:
    """Mean of one value in [0, 1] a problem; None = unscored, left out of the mean and counted.

    Raises:
        NothingScored: no problem is scored.
    """
    found = _mean_of(values_P, seed, resamples)
    return honest_share(found, found.n)


def paired_difference(
    a_P: Sequence[float | None],
    b_P: Sequence[float | None],
    *,
    seed: int,
    resamples: int = 1000,
) -> Estimate:
    """Mean of a - b over problems; both systems see the same problems in every resample.

    Where the two agree on every problem, or one is right and the other wrong on every one, no
    resample says otherwise, however few there are. The ends then are those of the Wilson interval
    of the share of problems on which that would be so: one problem resolves nothing.

    Args:
        a_P: Value of the first system on each problem; None = unscored.
        b_P: Value of the second on the same problems in the same order.
        seed: Seed of the resampling alone.
        resamples: Resamples drawn.

    Returns:
        The mean difference; a problem that either system leaves unscored is left out and counted.

    Raises:
        NothingScored: no problem is scored by both.
        ValueError: the two have different lengths.
    """
    differences_P = [
        None if a is None or b is None else a - b for a, b in zip(a_P, b_P, strict=True)
    ]
    found = _mean_of(differences_P, seed, resamples)
    kinds = {difference for difference in differences_P if difference is not None}
    if len(kinds) > 1 or found.value not in (-1.0, 0.0, 1.0):
        return found
    n = found.n
    reach = wilson(0, n).high
    low, high = {
        0.0: (-reach, reach),
        1.0: (1.0 - 2.0 * reach, 1.0),
        -1.0: (-1.0, 2.0 * reach - 1.0),
    }[found.value]
    method = "Wilson, 95 % over problems, of those that differ"
    return found.model_copy(update={"low": low, "high": high, "method": method})


def _mean_of(values_P: Sequence[float | None], seed: int, resamples: int) -> Estimate:
    scored_P = [value for value in values_P if value is not None]
    if not scored_P:
        raise NothingScored(f"mean over {len(values_P)} problems, none scored")
    rows_P2 = np.array([[value, 1.0] for value in scored_P])
    n_cases = (len(scored_P), len(values_P) - len(scored_P))
    return bootstrap([rows_P2], _mean, n_cases, seed=seed, resamples=resamples)


def wilson(n_success: int, n: int, *, n_unscored: int = 0, confidence: float = 0.95) -> Estimate:
    """Wilson score interval of a share of independent cases, in [0, 1].

    Raises:
        NothingScored: n is 0.
        ValueError: n_success is not in [0, n].
    """
    if n == 0:
        raise NothingScored("a share of zero scored cases")
    if not 0 <= n_success <= n:
        raise ValueError(f"{n_success} successes of {n}")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = n_success / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return Estimate(
        value=share,
        # Rounding must not push the interval off a share of exactly 0 or 1.
        low=0.0 if n_success == 0 else centre - half,
        high=1.0 if n_success == n else centre + half,
        n=n,
        n_unscored=n_unscored,
        method=f"Wilson, {100 * confidence:g} %",
    )


def resolved(difference: Estimate) -> bool:
    """Whether a difference's interval excludes 0, that is, the data tell the two apart."""
    return difference.low > 0.0 or difference.high < 0.0


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Elementwise share, NaN where the denominator is 0; for use inside a `Statistic`."""
    safe = np.where(denominator == 0.0, np.nan, denominator)
    return np.asarray(numerator / safe, dtype=np.float64)


def _mean(sums: Floats) -> Floats:
    return ratio(sums[..., 0, 0], sums[..., 0, 1])


def _resampled_sums(rows_PC: Floats, rng: np.random.Generator, resamples: int) -> Floats:
    """Column sums of each resample, shape (R, C)."""
    kinds_UC, count_U = np.unique(rows_PC, axis=0, return_counts=True)
    n_problems = len(rows_PC)
    if _FEW * len(kinds_UC) > n_problems:
        return np.concatenate([w @ rows_PC for w in times_drawn(n_problems, rng, resamples)])
    return np.asarray(rng.multinomial(n_problems, count_U / n_problems, resamples) @ kinds_UC)


def times_drawn(n_problems: int, rng: np.random.Generator, resamples: int) -> Iterator[Floats]:
    """How often each problem is in each resample, shape (R, P), some resamples at a time."""
    equal_P = np.full(n_problems, 1.0 / n_problems)
    at_once = max(1, _WEIGHTS_AT_ONCE // n_problems)
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        yield rng.multinomial(n_problems, equal_P, size=size).astype(np.float64)


def _weights(seed: int, n_problems: int, resamples: int) -> Iterable[Floats]:
    """`times_drawn` with a fresh generator; kept for the next caller if they are few."""
    if n_problems * resamples <= _WEIGHTS_KEPT:
        return _kept_weights(seed, n_problems, resamples)
    return times_drawn(n_problems, np.random.default_rng(seed), resamples)


@lru_cache(maxsize=3)
def _kept_weights(seed: int, n_problems: int, resamples: int) -> tuple[Floats, ...]:
    return tuple(times_drawn(n_problems, np.random.default_rng(seed), resamples))


def _said(over: str, confidence: float, resamples: int, defined_R: Floats) -> str:
    """How an interval came about."""
    method = f"bootstrap over {over}, {100 * confidence:g} %, {resamples} resamples"
    if len(defined_R) < resamples:
        method += f", {resamples - len(defined_R)} of them undefined"
    return f"{method}, all of one value" if len(np.unique(defined_R)) == 1 else method


def _percentiles(values_R: Floats, value: float, confidence: float) -> tuple[float, float]:
    """The central interval; the sample's own value where no resample is defined."""
    if len(values_R) == 0:
        return value, value
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(values_R, [tail, 100.0 - tail])
    return float(low), float(high)
