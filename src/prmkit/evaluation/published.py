"""The literature's figures as they were printed, each with its source; misprints are corrected.

`published.json` holds the tables of arXiv 2501.07301 (the paper), those of ProcessBench and
PRMBench, and later systems, transcribed in 2026-11. A corrected cell keeps what was printed and why
that cannot be. A figure that is only known from a second hand says so.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

from pydantic import Field, TypeAdapter

from prmkit.errors import ConfigError
from prmkit.records import Record

SUBSETS = ("gsm8k", "math", "olympiadbench", "omnimath")
"""ProcessBench's subsets."""
SIZES = {
    "gsm8k": (207, 193),
    "math": (594, 406),
    "olympiadbench": (661, 339),
    "omnimath": (759, 241),
}
"""Their cases with an error and without; arXiv 2412.06559."""
TASKS = (
    "gsm8k",
    "math",
    "minerva_math",
    "gaokao2023en",
    "olympiadbench",
    "college_math",
    "mmlu_stem",
)
"""The paper's tasks of Best-of-8."""
_UNVERIFIED = "unverified"


class PublishedRow(Record):
    """One system's figures."""

    system: str
    """Its name, the same in every table that has it."""
    values: tuple[float | None, ...]
    """In percent, a column each; null where it was not printed or not found."""
    data: str = ""
    """What it was trained on, where the table says it."""
    size: str = ""
    """How large it is, where the table says it."""
    source: str = ""
    """Where the row comes from, if not from the table's own source."""
    note: str = ""
    """What to know about it."""
    claim: str = ""
    """For figures that are not on the benchmark's metric: what is claimed."""
    why: str = ""
    """And why it is not comparable."""


class Correction(Record):
    """A misprint."""

    system: str
    """Row."""
    column: str
    """Column."""
    printed: float
    """What the source prints."""
    value: float
    """What stands in the table here."""
    why: str
    """Why the printed value cannot be right."""


class PublishedTable(Record):
    """A table of the literature."""

    id: str
    """Name on the command line."""
    benchmark: str
    """What it is about: processbench, best-of-n, prmbench, ..."""
    title: str
    """What was measured."""
    source: str
    """Where it was printed."""
    columns: tuple[str, ...]
    """Names of the values."""
    rows: tuple[PublishedRow, ...]
    """Systems in the order printed."""
    note: str = ""
    """What to know about it."""
    corrections: tuple[Correction, ...] = Field(())
    """Misprints that were corrected."""

    def printed(self, row: PublishedRow, column: str) -> float | None:
        """What the source prints in a cell that was corrected here; None if it was not."""
        return next(
            (c.printed for c in self.corrections if (c.system, c.column) == (row.system, column)),
            None,
        )

    def value(self, row: PublishedRow, column: str) -> float | None:
        """A cell."""
        return row.values[self.columns.index(column)]


class Board(NamedTuple):
    """What a ranking of published systems is made of."""

    benchmark: str
    """What is ranked."""
    ids: Sequence[str]
    """Tables that it takes rows from; none = all about the benchmark that have the figure."""
    figure: str
    """Column that ranks."""
    columns: Mapping[str, str]
    """Columns shown beside it, by their headings."""


BOARDS = {
    "processbench": Board(
        "processbench", (), "average_f1", {subset: f"{subset} f1" for subset in SUBSETS}
    ),
    "prmbench": Board(
        "prmbench",
        ("prmbench-leaderboard",),
        "overall",
        {name: name for name in ("simplicity", "soundness", "sensitivity")},
    ),
    "best-of-n": Board("best-of-n", ("lessons-table-6",), "average", {t: t for t in TASKS}),
}
"""The rankings: F1 on ProcessBench, PRMScore, and Best-of-8 on the paper's seven tasks."""


class Standing(NamedTuple):
    """A system's place among others."""

    system: str
    values: Sequence[float | None]
    """The board's columns, in percent."""
    figure: float
    """What ranks, in percent."""
    source: str
    own: bool = False
    """Whether it is one's own and not the literature's."""


@cache
def published_tables() -> tuple[PublishedTable, ...]:
    """All tables."""
    text = (resources.files("prmkit.evaluation") / "published.json").read_text("utf-8")
    return TypeAdapter(dict[str, tuple[PublishedTable, ...]]).validate_json(text)["tables"]


def benchmarks() -> list[str]:
    """What the tables are about, in order."""
    return list(dict.fromkeys(table.benchmark for table in published_tables()))


def find_tables(name: str) -> list[PublishedTable]:
    """The table of that id, or all about that benchmark.

    Raises:
        ConfigError: there is neither.
    """
    found = [table for table in published_tables() if name in (table.id, table.benchmark)]
    if not found:
        ids = ", ".join(table.id for table in published_tables())
        raise ConfigError(f"published {name!r}: allowed are {', '.join(benchmarks())}; or {ids}")
    return found


def standings(board: Board, own: Sequence[Standing] = ()) -> list[Standing]:
    """A benchmark's published systems, highest first, with one's own among them.

    A system that several tables have with the same figure comes once; differing ones all come.
    """
    found: dict[tuple[str, float], Standing] = {}
    for table in find_tables(board.benchmark):
        if board.figure not in table.columns or (board.ids and table.id not in board.ids):
            continue
        for row in table.rows:
            figure = table.value(row, board.figure)
            if figure is None:
                continue
            values = [table.value(row, column) for column in board.columns.values()]
            doubt = f" ({_UNVERIFIED})" if row.note == _UNVERIFIED else ""
            known = Standing(row.system, values, figure, (row.source or table.source) + doubt)
            found.setdefault((row.system, figure), known)
    return sorted([*own, *found.values()], key=lambda row: -row.figure)
