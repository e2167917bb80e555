"""Do PRMs find the wrong step behind a right answer, and does Best-of-N notice?

Table 5 and Figure 7 of arXiv 2501.07301: on solutions with a right final answer and a wrong
process, the share whose first error is placed exactly, beside each PRM's Best-of-N. A PRM that
learnt to judge outcomes does well at the latter and badly at the former.
"""

from collections.abc import Iterator, Sequence

from prmkit.analysis.result import Analysis, Column, Figure, Point, Series, Table
from prmkit.analysis.view import (
    JUDGE,
    Known,
    Prediction,
    interval_of,
    predictions,
    process_set,
    sampled,
    samples,
    scores_of,
    split_order,
)
from prmkit.evaluation.best_of_n import prm_at_n
from prmkit.intervals import Bootstrap
from prmkit.records import Estimate
from prmkit.scoring.aggregate import aggregate
from prmkit.store import StoredRun

_ALL, _FLAGGED = "all", "any step flagged"
_ABOUT = (
    "Solutions with a right final answer and a wrong step. A system finds the error if its first "
    "flagged step is the first wrong one; flagging any step at all is the weaker claim beside it. "
    "Process set: where judge and PRMs are compared. Samples: the Best-of-N samples, which the "
    "judge does not see."
)


def detection(run: StoredRun, resamples: int | None = None) -> Analysis:
    """Share of process errors behind right answers that each system places, and its Best-of-N."""
    interval = interval_of(run, resamples)
    sets = {"process set": process_set(run), "samples": samples(run)}
    found = {name: _located(run, rows, interval) for name, rows in sets.items()}
    best_of = _best_of_n(run, interval)
    tables = [_table(run, name, of_set) for name, of_set in found.items() if of_set]
    located = max(found.values(), key=_n_cases)
    return Analysis(
        name="detection",
        title="Finding the error behind a right answer",
        source="Figure 7, Table 5",
        about=_ABOUT,
        tables=(*tables, *([_beside(located, best_of)] if best_of else [])),
        figures=(_figure(located, best_of),),
        notes=() if located else ("No solution with a right answer and a known wrong step.",),
        seed=interval.seed,
    )


def _n_cases(located: dict[tuple[str, str], Estimate]) -> int:
    return max((estimate.n for estimate in located.values()), default=0)


def _located(
    run: StoredRun, rows: Sequence[Known], interval: Bootstrap
) -> dict[tuple[str, str], Estimate]:
    wrong = [row for row in rows if row.is_right_answer and row.first_error is not None]
    return interval.shares(
        cell
        for system, own in predictions(run, wrong).items()
        for row, predicted in zip(wrong, own, strict=True)
        for cell in _cells(system, row, predicted)
    )


def _cells(
    system: str, row: Known, predicted: Prediction
) -> Iterator[tuple[str, tuple[str, str], float | None]]:
    problem_id = row.solution.problem_id
    hit = None if predicted.unscored else float(predicted.first_error == row.first_error)
    yield problem_id, (system, row.split), hit
    yield problem_id, (system, _ALL), hit
    flagged = None if predicted.unscored else float(predicted.first_error is not None)
    yield problem_id, (system, _FLAGGED), flagged


def _best_of_n(run: StoredRun, interval: Bootstrap) -> dict[str, Estimate]:
    """Best-of-N by product, an arm."""
    problems = sampled(run)
    values = {
        arm: [
            (p.problem_id, arm, prm_at_n(p.samples, scores, lambda s: aggregate(s, "product")))
            for p in problems
        ]
        for arm in run.arms
        if (scores := scores_of(run, arm)) and run.scores[arm]["best_of_n"]
    }
    return interval.shares(row for rows in values.values() for row in rows)


def _table(run: StoredRun, name: str, found: dict[tuple[str, str], Estimate]) -> Table:
    splits = [s for s in split_order(run) if any(of == s for _, of in found)]
    columns = [*splits, _ALL, _FLAGGED]
    return Table(
        title=f"First error placed exactly: {name}",
        columns=(Column(name="system"), *(Column(name=c) for c in columns)),
        rows=tuple(
            (system, *(found.get((system, c)) for c in columns))
            for system in dict.fromkeys(s for s, _ in found)
        ),
    )


def _beside(located: dict[tuple[str, str], Estimate], best_of: dict[str, Estimate]) -> Table:
    return Table(
        title="Beside Best-of-N",
        columns=(
            Column(name="PRM"),
            Column(name="error placed exactly"),
            Column(name="prm@N, product"),
        ),
        rows=tuple((arm, located.get((arm, _ALL)), value) for arm, value in best_of.items()),
    )


def _figure(located: dict[tuple[str, str], Estimate], best_of: dict[str, Estimate]) -> Figure:
    points = [
        Series(name=arm, points=(Point(x=best_of[arm], y=located[arm, _ALL], label=arm),))
        for arm in best_of
        if (arm, _ALL) in located and arm != JUDGE
    ]
    return Figure(
        title="Finding errors behind right answers, against Best-of-N",
        kind="scatter",
        x_label="Best-of-N (product)",
        y_label="error placed exactly",
        series=tuple(points),
    )
