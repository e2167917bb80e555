"""Does Best-of-N by the product pick short solutions, and more so than right ones are short?

Beyond arXiv 2501.07301. A product of numbers below 1 falls with every step, so that it may prefer
short solutions whatever their steps. Lengths are compared within a problem: the picked sample's
number of steps minus the mean over that problem's samples. What a perfect picker would do stands
beside it: the mean length of the right samples minus that of all.
"""

from collections.abc import Iterator, Sequence

from prmkit.analysis.result import Analysis, Column, Figure, Point, Series, Table
from prmkit.analysis.view import interval_of, sampled, scores_of
from prmkit.records import Estimate, Outcome, StepScores
from prmkit.scoring.aggregate import AGGREGATES, aggregate, log_product
from prmkit.store import StoredRun

_RIGHT = "right samples"
_ABOUT = (
    "Steps of the picked sample minus the mean over its problem's samples; below 0 means that the "
    "aggregate picks short ones. The length of right samples, against the same mean, is what a "
    "picker without bias would tend to. Problems without a right sample have no such figure."
)


def length(run: StoredRun, resamples: int | None = None) -> Analysis:
    """Length of what each aggregate picks, against the mean and against right samples."""
    interval = interval_of(run, resamples)
    found = interval.means(_rows(run))
    arms = [arm for arm in run.arms if (arm, "product") in found]
    return Analysis(
        name="length",
        title="Does the product prefer short solutions?",
        source="beyond the paper",
        about=_ABOUT,
        tables=(_table(arms, found),) if arms else (),
        figures=(_figure(arms, found),),
        notes=() if arms else ("No arm has scored Best-of-N samples.",),
        seed=interval.seed,
    )


def _rows(run: StoredRun) -> Iterator[tuple[str, tuple[str, str], float | None]]:
    steps = {s.solution_id: len(s.steps) for s in run.solutions["best_of_n"]}
    scores = {arm: scores_of(run, arm) for arm in run.arms if run.scores[arm]["best_of_n"]}
    for problem in sampled(run):
        ids = [sample.solution_id for sample in problem.samples]
        mean = sum(steps[i] for i in ids) / len(ids)
        right = [s.solution_id for s in problem.samples if s.outcome is Outcome.CORRECT]
        gap = sum(steps[i] for i in right) / len(right) - mean if right else None
        yield problem.problem_id, (_RIGHT, ""), gap
        for arm, of_arm in scores.items():
            for how in AGGREGATES:
                picked = _pick([of_arm[i] for i in ids], how)
                yield problem.problem_id, (arm, how), steps[picked] - mean if picked else None


def _pick(rows: Sequence[StepScores], how: str) -> str | None:
    """The sample with the highest aggregate, the first of equal ones; None if none is scored."""
    scored = [row for row in rows if not row.unscored]
    best = max(scored, key=lambda row: _value(row, how), default=None)
    return None if best is None else best.solution_id


def _value(row: StepScores, how: str) -> float:
    if how == "product":
        return log_product(row.scores)
    return aggregate(row.scores, how)  # type: ignore[arg-type]


def _table(arms: Sequence[str], found: dict[tuple[str, str], Estimate]) -> Table:
    return Table(
        title="Steps of the picked sample minus the mean of its problem",
        columns=(
            Column(name="PRM"),
            *(Column(name=how.replace("_", " "), unit="number") for how in AGGREGATES),
            Column(name=_RIGHT, unit="number"),
        ),
        rows=tuple(
            (arm, *(found.get((arm, how)) for how in AGGREGATES), found.get((_RIGHT, "")))
            for arm in arms
        ),
    )


def _figure(arms: Sequence[str], found: dict[tuple[str, str], Estimate]) -> Figure:
    series = [
        Series(
            name=how.replace("_", " "),
            points=tuple(Point(x=arm, y=found[arm, how]) for arm in arms),
        )
        for how in AGGREGATES
    ]
    if (_RIGHT, "") in found:
        series.append(Series(name=_RIGHT, points=(Point(x=_RIGHT, y=found[_RIGHT, ""]),)))
    return Figure(
        title="Length of what is picked",
        kind="dots",
        x_label="PRM",
        y_label="steps, minus the mean of the problem's samples",
        unit="number",
        series=tuple(series) if arms else (),
    )
