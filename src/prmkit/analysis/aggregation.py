"""Which aggregate of step scores picks best, by the kind of label that a PRM learnt from?

Figure 9 of arXiv 2501.07301: Best-of-N by the minimum, the product and the last score. There "last"
is best for Monte-Carlo labels, whose PRMs come to score outcomes, and worst for human ones.
"""

from collections.abc import Sequence

from prmkit.analysis.result import Analysis, Column, Figure, Point, Series, Table
from prmkit.analysis.view import interval_of, sampled, scores_of
from prmkit.evaluation.best_of_n import maj_at_n, pass_at_k, prm_at_n
from prmkit.intervals import Bootstrap
from prmkit.records import Estimate
from prmkit.scoring.aggregate import AGGREGATES, Aggregate, aggregate
from prmkit.store import StoredRun

_SHOWN: tuple[Aggregate, ...] = ("min", "product", "last")
_ABOUT = (
    "Share of problems whose picked sample has a right answer. The differences are against the "
    "product, paired over problems: an interval without 0 is a resolved one."
)
_Values = dict[tuple[str, str], list[float | None]]


def aggregation(run: StoredRun, resamples: int | None = None) -> Analysis:
    """Best-of-N by arm and aggregate, beside the majority vote."""
    interval = interval_of(run, resamples)
    values = _values(run)
    ids = [p.problem_id for p in sampled(run)]
    found = interval.shares(
        (problem_id, of, value)
        for of, values_P in values.items()
        for problem_id, value in zip(ids, values_P, strict=True)
    )
    arms = list(dict.fromkeys(arm for arm, how in values if how in AGGREGATES))
    return Analysis(
        name="aggregation",
        title="From step scores to one score",
        source="Figure 9",
        about=_ABOUT,
        tables=(
            (
                _table(run, arms, found),
                _baselines(found),
                _differences(arms, ids, values, interval),
            )
            if arms
            else ()
        ),
        figures=(_figure(run, arms, found),),
        notes=() if arms else ("No arm has scored Best-of-N samples.",),
        seed=interval.seed,
    )


def _values(run: StoredRun) -> _Values:
    """By (arm, aggregate) or (baseline, ""), a value a problem."""
    problems = sampled(run)
    if not problems:
        return {}
    n = len(problems[0].samples)
    values: _Values = {
        (f"maj@{n}", ""): [maj_at_n(p.samples) for p in problems],
        (f"pass@{n}", ""): [pass_at_k(p.samples, n) for p in problems],
        ("random", ""): [pass_at_k(p.samples, 1) for p in problems],
    }
    for arm in run.arms:
        if run.scores[arm]["best_of_n"]:
            scores = scores_of(run, arm)
            for how in AGGREGATES:
                values[arm, how] = [
                    prm_at_n(p.samples, scores, lambda s, how=how: aggregate(s, how))  # type: ignore[misc]
                    for p in problems
                ]
    return values


def _table(run: StoredRun, arms: Sequence[str], found: dict[tuple[str, str], Estimate]) -> Table:
    return Table(
        title="Best-of-N by aggregate",
        columns=(
            Column(name="PRM"),
            Column(name="labels"),
            *(Column(name=h.replace("_", " ")) for h in AGGREGATES),
        ),
        rows=tuple((a, run.arms[a], *(found.get((a, h)) for h in AGGREGATES)) for a in arms),
    )


def _baselines(found: dict[tuple[str, str], Estimate]) -> Table:
    return Table(
        title="Without a PRM",
        columns=(Column(name="method"), Column(name="right answers")),
        rows=tuple((name, value) for (name, how), value in found.items() if not how),
    )


def _differences(
    arms: Sequence[str], ids: Sequence[str], values: _Values, interval: Bootstrap
) -> Table:
    others = [how for how in AGGREGATES if how != "product"]
    found = interval.means(
        (problem_id, (arm, how), None if a is None or b is None else a - b)
        for arm in arms
        for how in others
        for problem_id, a, b in zip(ids, values[arm, how], values[arm, "product"], strict=True)
    )
    return Table(
        title="Minus the product",
        columns=(
            Column(name="PRM"),
            *(Column(name=how.replace("_", " "), unit="points") for how in others),
        ),
        rows=tuple((arm, *(found.get((arm, how)) for how in others)) for arm in arms),
    )


def _figure(run: StoredRun, arms: Sequence[str], found: dict[tuple[str, str], Estimate]) -> Figure:
    majority = next((name for name, how in found if name.startswith("maj@")), None)
    series = [
        Series(
            name=how.replace("_", " "),
            points=tuple(
                Point(x=f"{a} ({run.arms[a]})" if a != run.arms[a] else a, y=found[a, how])
                for a in arms
                if (a, how) in found
            ),
        )
        for how in _SHOWN
    ]
    if majority and arms:
        point = Point(x="no PRM", y=found[majority, ""])
        series.append(Series(name=majority, points=(point,)))
    return Figure(
        title="Best-of-N by aggregate",
        kind="dots",
        x_label="PRM",
        y_label="right answers",
        series=tuple(series),
    )
