"""What do scores do after the first error: stay low, or recover as if nothing had happened?

Beyond arXiv 2501.07301. A PRM is trained up to the first error alone; what it says of later steps
is nobody's lesson. Scores are averaged at each distance from the first true error.
"""

from collections.abc import Iterator, Sequence

from prmkit.analysis.result import Analysis, Column, Figure, Point, Series, Table
from prmkit.analysis.view import by_arm, interval_of, scored_with_truth
from prmkit.records import Estimate
from prmkit.store import StoredRun

_REACH = 3
_FREE = "solutions without error"
_ABOUT = (
    "Mean step score at each distance from the first true error: 0 is the error itself, 1 the step "
    f"after it, up to {_REACH} steps to either side. Not every solution has steps at each "
    "distance, so the points are not all about the same solutions."
)


def drift(run: StoredRun, resamples: int | None = None) -> Analysis:
    """Mean step score by distance from the first true error, by arm."""
    interval = interval_of(run, resamples)
    found = interval.means(_rows(run))
    arms = list(dict.fromkeys(arm for arm, _ in found))
    return Analysis(
        name="drift",
        title="Scores around the first error",
        source="beyond the paper",
        about=_ABOUT,
        tables=(_table(arms, found),) if arms else (),
        figures=(_figure(arms, found),),
        notes=() if arms else ("No arm has scored solutions whose truth is known.",),
        seed=interval.seed,
    )


def _rows(run: StoredRun) -> Iterator[tuple[str, tuple[str, int | None], float]]:
    known = scored_with_truth(run)
    for arm, scores_N in by_arm(run, known):
        for row, found in zip(known, scores_N, strict=True):
            for step, score in enumerate(found.scores if found else ()):
                at = None if row.first_error is None else step - row.first_error
                if at is None or abs(at) <= _REACH:
                    yield row.solution.problem_id, (arm, at), score


def _table(arms: Sequence[str], found: dict[tuple[str, int | None], Estimate]) -> Table:
    places = range(-_REACH, _REACH + 1)
    names = [_FREE, *(f"{at:+d}" if at else "the error" for at in places)]
    return Table(
        title="Mean score by distance from the first error",
        columns=(Column(name="PRM"), *(Column(name=name, unit="number") for name in names)),
        rows=tuple((arm, *(found.get((arm, at)) for at in (None, *places))) for arm in arms),
    )


def _figure(arms: Sequence[str], found: dict[tuple[str, int | None], Estimate]) -> Figure:
    return Figure(
        title="Mean score by distance from the first error",
        kind="lines",
        x_label="steps from the first error",
        y_label="mean score",
        unit="number",
        series=tuple(
            Series(
                name=arm,
                points=tuple(
                    Point(x=float(at), y=found[arm, at])
                    for at in range(-_REACH, _REACH + 1)
                    if (arm, at) in found
                ),
            )
            for arm in arms
        ),
    )
