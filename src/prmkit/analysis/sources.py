"""Who should label: Monte Carlo, a judge, their consensus, or somebody who knows?

Tables 3 and 4 and Figure 2 of arXiv 2501.07301: PRMs that differ in the source of their labels
alone, by Best-of-N and by F1 on ProcessBench; beside them how often those labels are wrong, which
only the synthetic world can say.
"""

from collections.abc import Sequence

from prmkit.analysis.result import Analysis, Cell, Column, Figure, Point, Series, Table
from prmkit.analysis.stored_figures import best_of_n_of, comparisons, estimate_at, process_row
from prmkit.analysis.view import interval_of
from prmkit.store import StoredRun

_ABOUT = (
    "Each PRM with the labels that it learnt from; mean F1 is over the splits. A PRM whose "
    "predictions do not depend on the solution is named degenerate. Two PRMs differ "
    "only where the paired interval excludes 0."
)
_FREE_OF_NOISE = "oracle"


def sources(run: StoredRun, resamples: int | None = None) -> Analysis:
    """Each arm's labels, F1 and Best-of-N, and the paired differences between arms."""
    arms = [arm for arm in run.arms if process_row(run, arm) or best_of_n_of(run, arm, "product")]
    return Analysis(
        name="sources",
        title="Whose labels teach best?",
        source="Tables 3 and 4, Figure 2",
        about=_ABOUT,
        tables=(_table(run, arms), paired_differences(run)) if arms else (),
        figures=_figures(run, arms),
        notes=() if arms else ("No PRM of this run was evaluated.",),
        seed=interval_of(run, resamples).seed,
    )


def _table(run: StoredRun, arms: Sequence[str]) -> Table:
    return Table(
        title="PRMs by source of labels",
        columns=(
            Column(name="PRM"),
            Column(name="labels"),
            Column(name="solutions"),
            Column(name="labels wrong"),
            Column(name="mean F1"),
            Column(name="best-of-N, product"),
            Column(name="remark"),
        ),
        rows=tuple(_row(run, arm) for arm in arms),
    )


def _row(run: StoredRun, arm: str) -> tuple[Cell, ...]:
    labels = run.arms[arm]
    counts = run.manifest.stages.get(f"train.{arm}")
    wrong = estimate_at(run.report.get("labels"), labels.removesuffix("_soft"), "wrong")
    row = process_row(run, arm)
    return (
        arm,
        labels,
        counts.counts.get("solutions") if counts else None,
        "none, by construction" if labels == _FREE_OF_NOISE else wrong,
        estimate_at(row, "mean_f1"),
        best_of_n_of(run, arm, "product"),
        "degenerate" if row.get("degenerate") else "",
    )


def paired_differences(run: StoredRun) -> Table:
    """Each comparison of a run's report: who, by how much, and whether that is resolved."""
    found = comparisons(run)
    return Table(
        title="Differences, paired over problems",
        columns=(
            Column(name="figure"),
            Column(name="first"),
            Column(name="second"),
            Column(name="first minus second", unit="points"),
            Column(name="resolved?"),
        ),
        rows=tuple(
            (
                str(c.get("figure", "")),
                str(c.get("a", "")),
                str(c.get("b", "")),
                estimate_at(c, "difference"),
                "yes" if c.get("resolved") else "no",
            )
            for c in found
        ),
    )


def _figures(run: StoredRun, arms: Sequence[str]) -> tuple[Figure, ...]:
    f1 = {arm: estimate_at(process_row(run, arm), "mean_f1") for arm in arms}
    best = {arm: best_of_n_of(run, arm, "product") for arm in arms}
    return tuple(
        Figure(
            title=title,
            kind="dots",
            x_label="PRM",
            y_label=label,
            series=(
                Series(
                    name=label, points=tuple(Point(x=arm, y=e) for arm, e in found.items() if e)
                ),
            ),
        )
        for title, label, found in (
            ("F1 by source of labels", "mean F1", f1),
            ("Best-of-N by source of labels", "best-of-N, product", best),
        )
    )
