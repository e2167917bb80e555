"""What an analysis gives: tables and figures as data, for a terminal, JSON or a page to show.

A figure holds numbers and words alone; whoever shows it decides how it looks.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from prmkit.records import Estimate, Record

Unit = Literal["percent", "points", "number"]
"""How an estimate is shown: a share as percent, a difference of shares as points, or as it is."""
Cell = Estimate | int | str | None
"""None = there is nothing to say: no case, not known, or not meant to be known."""


class Column(Record):
    """A column of a table."""

    name: str
    """Its head."""
    unit: Unit = "percent"
    """Of its estimates."""


class Table(Record):
    """A table whose numbers carry their intervals."""

    title: str
    """What it shows, a phrase."""
    columns: tuple[Column, ...]
    """The first one names the rows."""
    rows: tuple[tuple[Cell, ...], ...]
    """A cell a column."""

    @model_validator(mode="after")
    def _one_cell_a_column(self) -> Self:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{len(self.columns)} columns but {len(row)} cells: {row[:1]}")
        return self


class Point(Record):
    """A point of a figure."""

    x: float | str | Estimate
    """Place along x: a number, a category, or a number with an interval of its own."""
    y: Estimate
    """Value with its interval."""
    label: str = ""
    """A name to stand beside it."""


class Series(Record):
    """Points that belong together."""

    name: str
    """For the legend."""
    points: tuple[Point, ...]
    """In the order of x."""
    reference: bool = False
    """Drawn as a dashed line: what chance or the truth would give, not a system."""


class Figure(Record):
    """A figure."""

    title: str
    """What it shows, a phrase."""
    kind: Literal["dots", "lines", "scatter"]
    """Categories with a dot and interval a series; lines over a numeric x; points in a plane."""
    x_label: str
    """Of the x axis."""
    y_label: str
    """Of the y axis."""
    unit: Unit = "percent"
    """Of y, and of x where that has an interval."""
    series: tuple[Series, ...]
    """At least one with a point, or the figure is not shown."""
    log_x: bool = False
    """Whether x, of lines, is on a logarithmic axis; all x are then above 0."""
    diagonal: bool = False
    """Whether x = y is drawn, the line of perfect agreement."""


class Analysis(Record):
    """The answer to one question about one run."""

    name: str
    """What it is asked by: `prm analyse NAME`."""
    title: str
    """The question in a few words."""
    source: str
    """The figure or table of the paper that it corresponds to, or that it goes beyond it."""
    about: str
    """How it is computed and how to read it."""
    tables: tuple[Table, ...] = ()
    """Numbers."""
    figures: tuple[Figure, ...] = ()
    """The same to look at."""
    notes: tuple[str, ...] = ()
    """What the data cannot say, and why."""
    seed: int = Field(ge=0)
    """Of the resampling."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but notes."""
        return not any(table.rows for table in self.tables)
