"""`prm published`: the literature's figures with their sources."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from prmkit.evaluation.published import PublishedRow, PublishedTable, Standing


def published(
    name: str = typer.Argument("", help="A benchmark or a table's id; nothing lists them."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of tables."),
) -> None:
    """Print what the literature reports, in percent, each table and row with its source.

    A star marks a corrected misprint; what was printed stands below the table.

    Examples:

        prm published

        prm published processbench

        prm published lessons-table-7 --json
    """
    from prmkit.evaluation.published import benchmarks, find_tables, published_tables

    tables = find_tables(name) if name else list(published_tables())
    if as_json:
        print(json.dumps([t.model_dump(mode="json") for t in tables], indent=1, ensure_ascii=False))
    elif not name:
        _list(tables, benchmarks())
    else:
        for table in tables:
            _print(table)


def print_among_published(benchmark: str, own: "Sequence[Standing | None]") -> None:
    """Print a benchmark's published systems with one's own among them.

    Args:
        benchmark: One of `BOARDS`.
        own: One's own systems; None where a figure is not about the whole benchmark.
    """
    from prmkit.cli.tables import new_table, out
    from prmkit.evaluation.published import BOARDS, standings

    known = [row for row in own if row is not None]
    if len(known) < len(own):
        print("Not all systems stand among the published: theirs is not the whole benchmark.")
    if not known:
        return
    board = BOARDS[benchmark]
    figure = board.figure.replace("_", " ")
    shown = new_table(
        f"Among published systems, by {figure}, percent", "system", figure, *board.columns
    )
    shown.add_column("source", overflow="fold")
    for row in standings(board, known):
        style = "bold reverse" if row.own else ""
        name = f"> {row.system}" if row.own else row.system
        cells = ["" if value is None else f"{value:.1f}" for value in row.values]
        shown.add_row(name, f"{row.figure:.1f}", *cells, row.source, style=style)
    out().print(shown)
    print("  Published figures come without intervals; those of this evaluation stand above.")


def _list(tables: "Sequence[PublishedTable]", benchmarks: Sequence[str]) -> None:
    from prmkit.cli.tables import new_table, out

    shown = new_table("Published figures", "table", "rows")
    shown.add_column("about", overflow="fold")
    shown.add_column("source", overflow="fold")
    for benchmark in benchmarks:
        shown.add_row(f"[bold]{benchmark}[/]")
        for table in tables:
            if table.benchmark == benchmark:
                shown.add_row(f"  {table.id}", str(len(table.rows)), table.title, table.source)
        shown.add_section()
    out().print(shown)


def _print(table: "PublishedTable") -> None:
    from prmkit.cli.tables import new_table, out

    console = out()
    columns = _columns(table)
    shown = new_table(f"{table.title}\n{table.source}", "system", *columns)
    extra = [
        name for name in ("size", "data", "source", "note", "claim", "why") if _has(table, name)
    ]
    for name in extra:
        shown.add_column(name, overflow="fold")
    for row in table.rows:
        cells = [_cell(table, row, names) for names in columns.values()]
        shown.add_row(row.system, *cells, *(getattr(row, name) for name in extra))
    console.print(shown)
    for c in table.corrections:
        console.print(
            f"  * {c.system}, {c.column.replace('_', ' ')}: {c.value:g}, printed {c.printed:g}: "
            f"{c.why}.",
            markup=False,
        )
    if table.note:
        console.print(f"  {table.note}", markup=False)
    console.print()


def _columns(table: "PublishedTable") -> dict[str, list[str]]:
    """Headings with the columns below each; the three figures of a subset share a cell."""
    from prmkit.evaluation.published import SUBSETS

    triples = {s: [f"{s} {part}" for part in _PARTS] for s in SUBSETS}
    columns: dict[str, list[str]] = {}
    for column in table.columns:
        subset = next((s for s, names in triples.items() if column in names), None)
        if subset and triples[subset][0] in table.columns:
            columns[f"{subset}\nerr/cor/F1"] = triples[subset]
        else:
            columns[column.replace("_", " ")] = [column]
    return columns


_WORDS = ("size", "data", "source", "note", "claim", "why")
_PARTS = ("error_accuracy", "correct_accuracy", "f1")


def _cell(table: "PublishedTable", row: "PublishedRow", names: Sequence[str]) -> str:
    cells = []
    for name in names:
        value = table.value(row, name)
        star = "*" if table.printed(row, name) is not None else ""
        cells.append("-" if value is None else f"{value:.1f}{star}")
    return " / ".join(cells)


def _has(table: "PublishedTable", name: str) -> bool:
    return any(getattr(row, name) for row in table.rows)
