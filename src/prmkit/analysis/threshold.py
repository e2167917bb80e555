"""How many of K draws must be right before a step counts as right?

Figure 5 of arXiv 2501.07301 trains a PRM at each threshold 0 ... K - 1 and finds 0 best. Here the
stored draws are labelled anew at each threshold and compared with the truth and with the judge,
which needs no training. Only an exhaustive annotation has the draws for it: one that stops once its
own threshold is decided holds few draws for the others, and the solutions that it does decide are
not like the rest. PRMs trained at each threshold, as in the paper, come from a study
(`prm study label-cost`).
"""

from collections.abc import Iterator, Sequence

from prmkit.analysis.result import Analysis, Column, Figure, Point, Series, Table
from prmkit.analysis.tally import f1_of
from prmkit.analysis.view import EXHAUSTIVE, Labelled, interval_of, training
from prmkit.errors import DataError
from prmkit.intervals import Bootstrap
from prmkit.records import Estimate, McAnnotation
from prmkit.rollouts.estimate import relabel
from prmkit.store import StoredRun

TRAINED = "PRMs trained on labels of each threshold"
"""The table of a study that holds them: threshold, K, then estimates, `mean F1` among them."""
_NAMES = {
    "error_accuracy": "errors placed",
    "correct_accuracy": "free ones left alone",
    "f1": "F1 of the labels",
    "judge": "same place as the judge",
    "with_error": "called wrong somewhere",
}
_ABOUT = (
    "A step is positive if more than the threshold of its K draws reach the reference answer. The "
    "labels at each threshold are compared with the truth, where it is known, and with the judge. "
    "The paper's figure shows PRMs trained on them; this one shows the labels themselves, and with "
    "a study (--study) trained PRMs, too."
)


def threshold(run: StoredRun, resamples: int | None = None) -> Analysis:
    """Label quality at every threshold that the stored draws can serve."""
    interval = interval_of(run, resamples)
    rows = training(run)
    thresholds, notes = _thresholds(rows)
    found = {t: _figures(rows, t, interval) for t in thresholds}
    return Analysis(
        name="threshold",
        title="The threshold of hard labels",
        source="Figure 5",
        about=_ABOUT,
        tables=(_table(found),) if found else (),
        figures=(_figure(found),) if len(found) > 1 else (),
        notes=tuple(notes),
        seed=interval.seed,
    )


def beside_study(found: Analysis, study: Analysis) -> Analysis:
    """The answer with a study's PRMs trained at each threshold.

    Raises:
        DataError: the study has none.
    """
    table = next((table for table in study.tables if table.title == TRAINED), None)
    if table is None or not table.rows:
        raise DataError(
            f"study {study.name}: no table {TRAINED!r} among "
            f"{', '.join(repr(t.title) for t in study.tables)}; make it again with prm study "
            "label-cost, which keeps what it has trained"
        )
    figures = (*found.figures, _trained_figure(table))
    return found.model_copy(update={"tables": (*found.tables, table), "figures": figures})


def _trained_figure(table: Table) -> Figure:
    """F1 over the threshold, a line a K."""
    names = [column.name for column in table.columns]
    lines: dict[str, list[Point]] = {}
    for row in table.rows:
        k, f1 = row[names.index("K")], row[names.index("mean F1")]
        if isinstance(f1, Estimate):
            lines.setdefault(f"K = {k}", []).append(Point(x=float(str(row[0])), y=f1))
    return Figure(
        title="F1 of PRMs trained on labels of each threshold",
        kind="lines",
        x_label="threshold: more than so many of K draws",
        y_label="mean F1",
        series=tuple(Series(name=name, points=tuple(points)) for name, points in lines.items()),
    )


def _thresholds(rows: Sequence[Labelled]) -> tuple[list[int], list[str]]:
    if not rows:
        return [], ["Nothing was labelled by both Monte Carlo and the judge."]
    if all(row.mc.annotator == EXHAUSTIVE for row in rows):
        return list(range(min(row.mc.k for row in rows))), []
    kinds = sorted({row.mc.annotator for row in rows} - {EXHAUSTIVE})
    own = sorted({row.mc.threshold for row in rows})
    shown = own if len(own) == 1 else []
    return shown, [
        f"The annotator {', '.join(kinds)} stops drawing when its own threshold is decided, so "
        f"its draws serve threshold {', '.join(map(str, own))} alone. For the sweep: --set "
        "rollouts.annotator=exhaustive."
    ]


def _figures(rows: Sequence[Labelled], at: int, interval: Bootstrap) -> dict[str, Estimate]:
    labels = [relabel(row.mc, at, len(row.solution.steps)) for row in rows]
    found = interval.shares(_rows(rows, labels))
    places = [
        (row.solution.problem_id, row.truth.first_error, mc.first_error)
        for row, mc in zip(rows, labels, strict=True)
        if row.truth is not None and not mc.unscored
    ]
    f1 = f1_of(places, sum(bool(mc.unscored) for mc in labels), interval)
    return {**found, **({"f1": f1} if f1 else {})}


def _rows(
    rows: Sequence[Labelled], labels: Sequence[McAnnotation]
) -> Iterator[tuple[str, str, float | None]]:
    for row, mc in zip(rows, labels, strict=True):
        problem_id, scored = row.solution.problem_id, not mc.unscored
        yield problem_id, "with_error", float(mc.first_error is not None) if scored else None
        if row.truth is not None:
            kind = "correct_accuracy" if row.truth.first_error is None else "error_accuracy"
            hit = mc.first_error == row.truth.first_error
            yield problem_id, kind, float(hit) if scored else None
        if not row.judge.unscored:
            same = mc.first_error == row.judge.first_error
            yield problem_id, "judge", float(same) if scored else None


def _table(found: dict[int, dict[str, Estimate]]) -> Table:
    return Table(
        title="Labels by threshold",
        columns=(Column(name="threshold"), *(Column(name=name) for name in _NAMES.values())),
        rows=tuple((str(t), *(own.get(key) for key in _NAMES)) for t, own in found.items()),
    )


def _figure(found: dict[int, dict[str, Estimate]]) -> Figure:
    return Figure(
        title="Labels by threshold",
        kind="lines",
        x_label="threshold: more than so many of K draws",
        y_label="share",
        series=tuple(
            Series(
                name=name,
                points=tuple(
                    Point(x=float(t), y=own[key]) for t, own in found.items() if key in own
                ),
            )
            for key, name in _NAMES.items()
        ),
    )
