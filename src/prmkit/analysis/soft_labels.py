"""Hard or soft labels, before and after the consensus filter?

Figures 3 and 4 of arXiv 2501.07301: without the filter hard and soft labels teach alike, after it
hard ones teach much better. PRMs of this run stand beside each other by kind of label; and, where
every step has all its draws, so do the soft labels themselves: what share of draws succeeds from
steps that are right, and from the first wrong one?
"""

from collections.abc import Iterator, Sequence

from prmkit.analysis.result import Analysis, Cell, Column, Figure, Point, Series, Table
from prmkit.analysis.stored_figures import best_of_n_of, estimate_at, process_row
from prmkit.analysis.view import EXHAUSTIVE, Labelled, interval_of, training
from prmkit.records import Estimate
from prmkit.store import StoredRun

_KINDS = {
    "mc": ("hard", "no"),
    "mc_soft": ("soft", "no"),
    "mc_progress": ("relative progress", "no"),
    "consensus": ("hard", "yes"),
    "consensus_soft": ("soft", "yes"),
}
"""Labels by (kind, whether the consensus filter was applied)."""
_ABOUT = (
    "PRMs that learnt from Monte-Carlo labels, by kind and by whether the consensus filter was "
    "applied. Then the soft labels: the share of draws that reach the answer from truly right "
    "steps and from the first wrong step. The closer the two, the less a label says."
)


def soft_labels(run: StoredRun, resamples: int | None = None) -> Analysis:
    """PRMs by hard and soft labels before and after the filter, and the soft labels themselves."""
    interval = interval_of(run, resamples)
    arms = [arm for arm, labels in run.arms.items() if labels in _KINDS]
    # a sequential annotation makes all K draws only where they fail: its whole steps are not like
    # the rest
    rows = [r for r in training(run) if r.truth is not None and r.mc.annotator == EXHAUSTIVE]
    found = interval.shares(_rows(rows))
    return Analysis(
        name="soft-labels",
        title="Hard and soft labels",
        source="Figures 3 and 4",
        about=_ABOUT,
        tables=(
            *([_arm_table(run, arms)] if arms else []),
            *([_label_table(found)] if found else []),
        ),
        figures=(_figure(found),),
        notes=tuple(_notes(run, arms, found)),
        seed=interval.seed,
    )


def _notes(
    run: StoredRun, arms: Sequence[str], found: dict[tuple[str, str, str], Estimate]
) -> Iterator[str]:
    if not any(run.arms[arm].endswith("_soft") for arm in arms):
        yield (
            "No PRM of this run learnt from soft labels; an arm with labels: mc_soft does, with "
            "rollouts.annotator=exhaustive."
        )
    if not found:
        yield (
            "Soft labels need all K draws of every step, which only the exhaustive annotator "
            "makes, and a known truth to be compared with."
        )


def _rows(rows: Sequence[Labelled]) -> Iterator[tuple[str, tuple[str, str, str], float]]:
    """Slice (before or after the filter, kind of step, what is counted)."""
    for row in rows:
        for step, estimate in enumerate(row.mc.steps):
            place = row.truth.first_error if row.truth else None
            whole = len(estimate.outcomes) == row.mc.k and estimate.soft is not None
            if not whole or estimate.soft is None or (place is not None and step > place):
                continue
            kind = "the first wrong step" if step == place else "right steps"
            for of in ("before the filter", *(("after the filter",) if row.kept else ())):
                yield row.solution.problem_id, (of, kind, "mean"), estimate.soft
                yield row.solution.problem_id, (of, kind, "none"), float(estimate.soft == 0)
                yield row.solution.problem_id, (of, kind, "all"), float(estimate.soft == 1)


def _arm_table(run: StoredRun, arms: Sequence[str]) -> Table:
    def cells(arm: str) -> tuple[Cell, ...]:
        kind, filtered = _KINDS[run.arms[arm]]
        row = process_row(run, arm)
        remark = "degenerate" if row.get("degenerate") else ""
        best = best_of_n_of(run, arm, "product")
        return arm, kind, filtered, estimate_at(row, "mean_f1"), best, remark

    names = ("PRM", "labels", "filtered", "mean F1", "best-of-N, product", "remark")
    return Table(
        title="PRMs by kind of label",
        columns=tuple(Column(name=name) for name in names),
        rows=tuple(cells(arm) for arm in arms),
    )


def _label_table(found: dict[tuple[str, str, str], Estimate]) -> Table:
    lines = dict.fromkeys((of, kind) for of, kind, _ in found)
    return Table(
        title="Share of draws that reach the answer",
        columns=(
            Column(name="training set"),
            Column(name="steps"),
            Column(name="mean share"),
            Column(name="steps from which no draw does"),
            Column(name="steps from which every draw does"),
        ),
        rows=tuple(
            (of, kind, *(found.get((of, kind, what)) for what in ("mean", "none", "all")))
            for of, kind in sorted(lines, reverse=True)
        ),
    )


def _figure(found: dict[tuple[str, str, str], Estimate]) -> Figure:
    kinds = dict.fromkeys(kind for _, kind, _ in found)
    sets = sorted(dict.fromkeys(of for of, _, _ in found), reverse=True)
    return Figure(
        title="Mean share of successful draws",
        kind="dots",
        x_label="training set",
        y_label="share of draws",
        series=tuple(
            Series(
                name=kind,
                points=tuple(
                    Point(x=of, y=found[of, kind, "mean"])
                    for of in sets
                    if (of, kind, "mean") in found
                ),
            )
            for kind in kinds
        ),
    )
