"""Does a step score of 0.8 mean that eight steps in ten are right?

Beyond arXiv 2501.07301. A step counts as right before the first error and as wrong at it; later
steps have no truth of their own and are left out. Expected calibration error as in Guo et al. 2017
(arXiv 1706.04599) with ten even bins; Brier score = mean squared distance from 0 or 1.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from prmkit.analysis.result import Analysis, Column, Figure, Point, Series, Table
from prmkit.analysis.tally import by_problem
from prmkit.analysis.view import by_arm, interval_of, scored_with_truth
from prmkit.intervals import Bootstrap, Floats, ratio
from prmkit.records import Estimate
from prmkit.store import StoredRun

_BINS = 10
_ABOUT = (
    "Steps up to the first true error, with the PRM's score: above the diagonal a PRM is less sure "
    "than it could be, below it too sure. Brier: 0 is perfect. Calibration error: the mean gap "
    "between a bin's scores and its share of right steps; it is biased upwards when steps are few."
)


class _Step(NamedTuple):
    problem_id: str
    score: float
    right: bool

    @property
    def bin(self) -> int:
        return min(int(self.score * _BINS), _BINS - 1)


def calibration(run: StoredRun, resamples: int | None = None) -> Analysis:
    """Reliability by bin of score, Brier score and calibration error, by arm."""
    interval = interval_of(run, resamples)
    steps = _steps(run)
    bins = interval.shares(
        (s.problem_id, (arm, s.bin, what), value)
        for arm, own in steps.items()
        for s in own
        for what, value in (("score", s.score), ("right", float(s.right)))
    )
    return Analysis(
        name="calibration",
        title="Calibration of step scores",
        source="beyond the paper",
        about=_ABOUT,
        tables=(_table(steps, interval), _bin_table(steps, bins)) if steps else (),
        figures=(_figure(steps, bins),),
        notes=() if steps else ("No arm has scored solutions whose truth is known.",),
        seed=interval.seed,
    )


def _steps(run: StoredRun) -> dict[str, list[_Step]]:
    known = scored_with_truth(run)
    return {
        arm: [
            _Step(row.solution.problem_id, score, step != row.first_error)
            for row, found in zip(known, scores_N, strict=True)
            if found is not None and not found.unscored
            for step, score in enumerate(found.scores)
            if row.first_error is None or step <= row.first_error
        ]
        for arm, scores_N in by_arm(run, known)
    }


def calibration_error(sums: Floats) -> Floats:
    """Expected calibration error from sums of (scores, right steps, steps), a triple a bin."""
    scores, right, n = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    return ratio(np.abs(scores - right).sum(axis=-1), n.sum(axis=-1))


def _in_its_bin(step: _Step) -> list[float]:
    row = [0.0] * (3 * _BINS)
    row[3 * step.bin : 3 * step.bin + 3] = [step.score, float(step.right), 1.0]
    return row


def _table(steps: dict[str, list[_Step]], interval: Bootstrap) -> Table:
    found = interval.means(_summary(steps))
    found |= interval.shares(row for row in _summary(steps) if row[1][1] == "right")
    errors = {
        arm: interval.of_sums(
            by_problem((s.problem_id, _in_its_bin(s)) for s in own),
            calibration_error,
            (len(own), 0),
        )
        for arm, own in steps.items()
    }
    return Table(
        title="How far scores are from the truth",
        columns=(
            Column(name="PRM"),
            Column(name="right steps"),
            Column(name="mean score minus share right", unit="points"),
            Column(name="calibration error", unit="points"),
            Column(name="Brier score", unit="number"),
        ),
        rows=tuple(
            (
                arm,
                found.get((arm, "right")),
                found.get((arm, "gap")),
                errors[arm],
                found.get((arm, "brier")),
            )
            for arm in steps
        ),
    )


def _summary(steps: dict[str, list[_Step]]) -> Iterator[tuple[str, tuple[str, str], float]]:
    for arm, own in steps.items():
        for s in own:
            yield s.problem_id, (arm, "right"), float(s.right)
            yield s.problem_id, (arm, "gap"), s.score - s.right
            yield s.problem_id, (arm, "brier"), (s.score - s.right) ** 2


def _bin_table(steps: dict[str, list[_Step]], bins: dict[tuple[str, int, str], Estimate]) -> Table:
    return Table(
        title="Share of right steps by score",
        columns=(
            Column(name="PRM"),
            *(Column(name=f"{b / _BINS:.1f}-{(b + 1) / _BINS:.1f}") for b in range(_BINS)),
        ),
        rows=tuple((arm, *(bins.get((arm, b, "right")) for b in range(_BINS))) for arm in steps),
    )


def _figure(steps: dict[str, list[_Step]], bins: dict[tuple[str, int, str], Estimate]) -> Figure:
    return Figure(
        title="Share of right steps by score",
        kind="lines",
        x_label="mean score in the bin, in percent",
        y_label="share of right steps",
        diagonal=True,
        series=tuple(
            Series(
                name=arm,
                points=tuple(
                    Point(x=100 * bins[arm, b, "score"].value, y=bins[arm, b, "right"])
                    for b in range(_BINS)
                    if (arm, b, "right") in bins
                ),
            )
            for arm in steps
        ),
    )
