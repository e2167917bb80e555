"""`prm analyse`: one question about runs, answered from what they stored."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from prmkit.analysis.result import Analysis, Cell, Table, Unit
    from prmkit.store import StoredRun


class Name(StrEnum):
    """Questions; docs/analyses.md says what each computes."""

    ALL = "all"
    PROCESS_ERRORS = "process-errors"
    DETECTION = "detection"
    POSITION = "position"
    AGGREGATION = "aggregation"
    SOURCES = "sources"
    SOFT_LABELS = "soft-labels"
    THRESHOLD = "threshold"
    FILTERING = "filtering"
    CALIBRATION = "calibration"
    LENGTH = "length"
    DRIFT = "drift"
    RUNS = "runs"


def analyse(  # a command's options are its arguments
    name: Name = typer.Argument(help="The question; `all` asks every one."),
    runs: list[Path] = typer.Argument(help="Run folders."),
    study: Path | None = typer.Option(
        None, help="With `threshold`: a folder of `prm study label-cost`, whose PRMs stand beside."
    ),
    resamples: int | None = typer.Option(
        None, min=100, help="Bootstrap resamples over problems; default as in the run's recipe."
    ),
    published: bool = typer.Option(
        False, "--published", help="Print the literature's figures about the same question, too."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of tables."),
) -> None:
    """Answer a question about runs from their stored tables, with intervals; no model is loaded.

    The questions of arXiv 2501.07301: `process-errors` (right answers by a wrong process: Figure
    6), `detection` (finding these: Figure 7, Table 5), `position` (lowest score on the last step:
    Figure 8), `aggregation` (Figure 9), `sources` (Tables 3 and 4), `soft-labels` (Figures 3 and
    4), `threshold` (Figure 5); and beyond it `filtering`, `calibration`, `length` and `drift`.
    `runs` sets every other run against the first, paired over the problems that they share.

    Examples:

        prm analyse process-errors runs/toy

        prm analyse position runs/toy runs/k4 --json

        prm analyse all runs/toy

        prm analyse runs runs/toy runs/k4

        prm analyse threshold runs/cost-1 --study studies/label-cost
    """
    from prmkit.analysis.questions import QUESTIONS
    from prmkit.store import read_run

    stored = [(path, read_run(path)) for path in runs]
    if name is Name.RUNS:
        _compare([run for _, run in stored], resamples, as_json=as_json)
        return
    names = list(QUESTIONS) if name is Name.ALL else [name.value]
    found = [(path, QUESTIONS[n](run, resamples)) for path, run in stored for n in names]
    if study is not None:
        found = [(path, _with_study(answer, study)) for path, answer in found]
    if as_json:
        rows = [{"run": str(path), **answer.model_dump(mode="json")} for path, answer in found]
        print(json.dumps(rows, indent=2))
        return
    _print(found, published=published)


def _with_study(answer: "Analysis", folder: Path) -> "Analysis":
    """An answer about thresholds with the PRMs that a study trained at each; others as they are."""
    from pydantic import ValidationError

    from prmkit.analysis.result import Analysis
    from prmkit.analysis.threshold import beside_study
    from prmkit.errors import DataError
    from prmkit.store.files import read_json

    if answer.name != Name.THRESHOLD.value:
        return answer
    path = folder / "study.json"
    try:
        return beside_study(answer, Analysis.model_validate(read_json(path)))
    except ValidationError as error:
        raise DataError(f"{path}: not the answer of prm study: {error.errors()[0]}") from error


def _compare(runs: "list[StoredRun]", resamples: int | None, *, as_json: bool) -> None:
    from prmkit.analysis.runs import compare_runs
    from prmkit.cli.tables import out

    if len(runs) < 2:
        raise typer.BadParameter("give at least two run folders", param_hint="runs")
    first, *others = runs
    tables = [compare_runs(first, other, resamples) for other in others]
    if as_json:
        print(json.dumps([table.model_dump(mode="json") for table in tables], indent=2))
        return
    console = out()
    for table in tables:
        print_table(console, table)


def _print(found: "list[tuple[Path, Analysis]]", *, published: bool) -> None:
    from prmkit.analysis.literature import literature
    from prmkit.cli.tables import out

    console = out()
    for path, answer in found:
        console.print(f"\n[bold]{answer.title}[/] ({answer.source})", end=" ")
        console.print(f"{path}", markup=False)
        console.print(answer.about, markup=False, style="dim")
        for table in answer.tables:
            print_table(console, table)
        for note in answer.notes:
            console.print(f"Note: {note}", markup=False)
    for name in dict.fromkeys(answer.name for _, answer in found) if published else ():
        for table in literature(name):
            print_table(console, table)


def print_table(console: "Console", table: "Table") -> None:
    """Print a table with its intervals."""
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(title=Text(table.title), title_justify="left", title_style="bold")
    for i, column in enumerate(table.columns):
        name = Text(column.name)
        shown.add_column(name, justify="left" if i == 0 else "right", overflow="fold")
    for row in table.rows:
        cells = [cell_text(c, column.unit) for c, column in zip(row, table.columns, strict=True)]
        shown.add_row(*(Text(text) for text in cells))
    console.print(shown)


def cell_text(cell: "Cell", unit: "Unit") -> str:
    """A cell as text: an estimate with interval and n, `n/a` for nothing."""
    if cell is None:
        return "n/a"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return f"{cell:,}"
    times, digits = (1.0, 2) if unit == "number" else (100.0, 1)
    value, low, high = (times * x for x in (cell.value, cell.low, cell.high))
    unscored = f", {cell.n_unscored} unscored" if cell.n_unscored else ""
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]\nn={cell.n:,}{unscored}"
