"""The literature's figures that answer the same question, as tables to stand beside a run's own.

They were measured on other data and models. Beside the synthetic world the direction of an effect
can be compared, its size cannot.
"""

from collections.abc import Mapping
from types import MappingProxyType

from prmkit.analysis.result import Cell, Column, Table
from prmkit.evaluation.published import PublishedTable, find_tables

SAME_QUESTION: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "process-errors": ("lessons-figure-6",),
        "detection": ("lessons-figure-7", "lessons-table-5"),
        "position": ("lessons-figure-8",),
        "aggregation": ("lessons-figure-9",),
        "sources": ("lessons-table-3", "lessons-table-4", "lessons-figure-2"),
        "soft-labels": ("lessons-figure-3-4",),
        "threshold": ("lessons-figure-5",),
        "evaluation": ("lessons-table-7", "lessons-table-6"),
    }
)
"""Published tables by question; `evaluation` is for the PRMs' own figures."""


def literature(question: str) -> list[Table]:
    """The published tables that answer a question; none where the question is ours alone."""
    return [
        _table(published)
        for name in SAME_QUESTION.get(question, ())
        for published in find_tables(name)
    ]


def _table(published: PublishedTable) -> Table:
    """Values as printed, in percent; a corrected cell says what was printed."""
    rows: list[tuple[Cell, ...]] = []
    for row in published.rows:
        cells: list[Cell] = []
        for column in published.columns:
            value, printed = published.value(row, column), published.printed(row, column)
            said = None if value is None else f"{value:.1f}"
            cells.append(said if printed is None else f"{said} (printed {printed:g})")
        about = ", ".join(part for part in (row.data, row.size, row.note) if part)
        rows.append((row.system, *cells, about))
    has_about = any(row[-1] for row in rows)
    width = len(published.columns) + 1 + has_about
    return Table(
        title=f"{published.title} ({published.source})",
        columns=(
            Column(name="system"),
            *(Column(name=name.replace("_", " ")) for name in published.columns),
            Column(name="about"),
        )[:width],
        rows=tuple(row[:width] for row in rows),
    )
