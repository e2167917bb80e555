"""F1 of several PRMs of one kind of labels, with the chance of problems and of trainings.

PRMs trained on the same labels from other seeds differ by more than a set of problems leaves open,
so an interval over problems alone says too much. Here both are drawn again in each resample: the
problems, the same for all PRMs, and of each run as many of its trainings as it has, with
replacement (a bootstrap of crossed factors: Owen 2007, doi:10.1214/07-AOAS122). With few trainings
it is somewhat narrow: of n the variance is understated by 1 / n. With one a run it is the bootstrap
over problems.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from prmkit.errors import NothingScored
from prmkit.evaluation.by_ends import by_ends
from prmkit.evaluation.processbench import ProcessCase, mean_f1_of_sums, sums_by_subset
from prmkit.intervals import Bootstrap, Floats, estimate_of, times_drawn
from prmkit.records import Estimate

_PROBLEMS, _TRAININGS, _OTHERS = range(3)  # what a generator of its own draws


class Trained(NamedTuple):
    """What the PRMs of one setting get right.

    Axes: T trainings of a run, P problems of a run, 4 sums as `f1_of_sums` takes them.
    """

    sums: Mapping[str, Sequence[Floats]]
    """By subset, for each run an array (T, P, 4); P is 0 where it has no such problems."""
    n_cases: tuple[int, int]
    """(scored, unscored), of all PRMs."""

    @classmethod
    def of(cls, prms: Sequence[Sequence[Sequence[ProcessCase]]]) -> "Trained":
        """From the cases of each PRM of each run; those of a run are the same but for what is said.

        Raises:
            NothingScored: a run has no PRM.
        """
        if not prms or not all(prms):
            raise NothingScored("a run has no PRM")
        of_runs = [[sums_by_subset(cases) for cases in own] for own in prms]
        subsets = sorted({subset for own in of_runs for subset in own[0]})
        none_P4 = np.zeros((0, 4))
        sums = {
            subset: [np.stack([found.get(subset, none_P4) for found in own]) for own in of_runs]
            for subset in subsets
        }
        flat = [case for own in prms for cases in own for case in cases]
        n_unscored = sum(bool(case.unscored) for case in flat)
        return cls(sums, (len(flat) - n_unscored, n_unscored))

    @property
    def single(self) -> list[list[float | None]]:
        """F1 of each PRM, run by run; None where it is 0/0."""
        return [
            [_value(np.stack([rows_TP4[t].sum(0) for rows_TP4 in own])) for t in range(len(own[0]))]
            for own in self._by_run()
        ]

    @property
    def by_run(self) -> list[float | None]:
        """F1 of each run's PRMs, pooled."""
        return [
            _value(np.stack([rows_TP4.sum((0, 1)) for rows_TP4 in own])) for own in self._by_run()
        ]

    def _by_run(self) -> list[list[Floats]]:
        """The sums of each run's own subsets."""
        runs = zip(*self.sums.values(), strict=True)
        return [[rows_TP4 for rows_TP4 in own if rows_TP4.shape[1]] for own in runs]

    def f1(self, interval: Bootstrap) -> Estimate:
        """Mean over subsets of F1, all PRMs pooled.

        Raises:
            NothingScored: a subset has no scored case of one kind.
        """
        pooled = self._pooled()
        values_R = mean_f1_of_sums(self._resampled(interval, _TRAININGS))
        found = estimate_of(_pooled_f1(pooled), values_R, self.n_cases, self._over)
        return by_ends(found, pooled, mean_f1_of_sums, interval)

    def minus(self, other: "Trained", interval: Bootstrap) -> Estimate:
        """F1 of these minus F1 of others: on the same problems, each with its own trainings.

        Raises:
            NothingScored: a subset has no scored case of one kind.
        """
        value = _pooled_f1(self._pooled()) - _pooled_f1(other._pooled())
        values_R = mean_f1_of_sums(self._resampled(interval, _TRAININGS)) - mean_f1_of_sums(
            other._resampled(interval, _OTHERS)
        )
        return estimate_of(value, values_R, self.n_cases, self._over)

    @property
    def n_prms(self) -> int:
        """PRMs, of all runs."""
        return sum(map(len, next(iter(self.sums.values()))))

    @property
    def several(self) -> bool:
        """Whether a run has more than one PRM, so that intervals cover the chance of a training."""
        return self.n_prms > len(next(iter(self.sums.values())))

    @property
    def _over(self) -> str:
        return "problems and trainings" if self.several else "problems"

    def _pooled(self) -> list[Floats]:
        """By subset the sums of all PRMs, a row a problem."""
        return [np.concatenate([r.sum(0) for r in runs]) for runs in self.sums.values()]

    def _resampled(self, interval: Bootstrap, whose: int) -> Floats:
        """Sums of each resample, shape (R, subsets, 4)."""
        problems = np.random.default_rng([interval.seed, _PROBLEMS])
        trainings = np.random.default_rng([interval.seed, whose])
        runs = next(iter(self.sums.values()))
        times = [_times(len(rows_TP4), interval.resamples, trainings) for rows_TP4 in runs]
        return np.stack(
            [_drawn(rows, times, interval.resamples, problems) for rows in self.sums.values()], 1
        )


def _drawn(
    runs: Sequence[Floats], times: Sequence[Floats], resamples: int, problems: np.random.Generator
) -> Floats:
    """Sums of one subset's resamples, shape (R, 4).

    Args:
        runs: For each run (T, P, 4).
        times: For each run how often a resample has each training, (R, T).
        resamples: R.
        problems: Draws problems, of all runs together.
    """
    sizes = [rows_TP4.shape[1] for rows_TP4 in runs]
    weights_RP = _times(sum(sizes), resamples, problems)
    of_runs = np.split(weights_RP, np.cumsum(sizes)[:-1], axis=1)
    return np.asarray(
        sum(
            np.einsum("rt,rp,tpc->rc", times_RT, weights, rows_TP4, optimize=True)
            for times_RT, weights, rows_TP4 in zip(times, of_runs, runs, strict=True)
        )
    )


def _times(n: int, resamples: int, rng: np.random.Generator) -> Floats:
    """How often each of n is in a resample of n, shape (R, n)."""
    return np.concatenate(list(times_drawn(n, rng, resamples)))


def _pooled_f1(pooled: Sequence[Floats]) -> float:
    value = _value(np.stack([rows_P4.sum(0) for rows_P4 in pooled]))
    if value is None:
        raise NothingScored("a subset has no scored case of one kind")
    return value


def _value(sums_G4: Floats) -> float | None:
    value = float(mean_f1_of_sums(sums_G4))
    return None if np.isnan(value) else value
