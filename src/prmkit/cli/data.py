"""`prm import` and `prm export`: published data sets in, and out."""

import json
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

_SHOWN = 3


def _list_formats(value: bool) -> None:
    if not value:
        return
    from rich.console import Console
    from rich.table import Table

    from prmkit.datasets.formats import FORMATS

    table = Table(title="Formats of prm import", title_justify="left", title_style="bold")
    for column in ("format", "rows", "gives", "licence", "hub", "source"):
        table.add_column(column, overflow="fold", no_wrap=column in ("format", "rows"))
    for name, known in FORMATS.items():
        rows = "\n".join(f"{split} {n:,}" for split, n in known.splits.items())
        hub = known.hub.repository if known.hub else "-"
        table.add_row(name, rows, known.gives, known.licence, hub, known.source)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    raise typer.Exit


def import_data(  # noqa: PLR0913  # a command's options are its arguments
    format: str = typer.Argument(help="A format's name; see --list."),
    files: list[Path] = typer.Argument(
        None,
        help="Files as published: JSON, JSON lines, .gz of both, Parquet.",
    ),
    out: Path = typer.Option(help="Folder for the tables, the rejects and the counts."),
    from_hub: bool = typer.Option(False, "--hub", help="Load it from the hub (extra hub)."),
    split: str | None = typer.Option(None, help="Which split it is; default the first listed."),
    options: list[str] = typer.Option(
        [], "--set", help="An option of the format: --set neutral=negative. May be repeated."
    ),
    against: list[Path] = typer.Option(
        [],
        "--decontaminate-against",
        help="Evaluation table (Parquet or JSON with `question`): rows whose problem it holds, as "
        "the same text or by 13 words in a row and over 0.6 of it, are left out. Repeatable.",
    ),
    once: bool = typer.Option(
        False, "--once", help="Reject a row that is an exact copy of an earlier one."
    ),
    force: bool = typer.Option(False, "--force", help="Replace an import in the folder."),
    as_json: bool = typer.Option(False, "--json", help="Print import.json instead of a table."),
    show: bool = typer.Option(
        False,
        "--list",
        is_eager=True,
        callback=_list_formats,
        help="Show every format with source, licence and rows; stop.",
    ),
) -> None:
    """Read a published data set into tables of prmkit's records.

    A row that cannot be read is kept in rejects.jsonl with file, line, field and reason, and the
    others go on: rows in = used + dropped by an option + rejected. An id that comes again is
    rejected; where rows have no id, exact copies of a row are kept and counted, or rejected with
    --once.

    Examples:

        prm import --list

        prm import processbench processbench/*.json --out data/processbench

        prm import prm800k phase2_train.jsonl --out data/prm800k --set neutral=negative

        prm import gsm8k --hub --split train --out data/gsm8k-train

        prm import trl mine.jsonl --out data/mine --decontaminate-against math500/problems.parquet
    """
    from prmkit.datasets.copies import Once
    from prmkit.datasets.folder import check_folder, evaluation_questions
    from prmkit.datasets.formats import FORMATS, expected_rows, read_options, source_rows

    known = FORMATS[_one_of(format, FORMATS)]
    settings = read_options(known, format, options)
    questions = evaluation_questions(against)
    source = source_rows(known, format, files or [], split, from_hub=from_hub)
    check_folder(out, force=force)
    about = {
        "format": format,
        "source": known.source,
        "licence": known.licence,
        "files": [str(file) for file in files or []],
        "split": source.split,
        "expected_rows": expected_rows(known, source.split),
        "options": settings.model_dump(mode="json") if settings else {},
        "once": once,
        "decontaminated_against": [str(path) for path in against],
    }
    rows = Once(source.rows, reject=once)
    imported = _told_of_copies(known.read(rows, source.split, settings), rows.copies)
    summary = _write(imported, questions, about, out)
    if as_json:
        print(json.dumps(summary, indent=2, sort_keys=True, ensure_ascii=False))
    else:
        _print_summary(summary, out)


def _told_of_copies(imported: Any, copies: Mapping[str, str]) -> Any:
    """The import, its notes with how many rows that were used repeat an earlier one."""
    rejected = {bad.row for bad in imported.rejected}
    kept = [(copy, first) for copy, first in copies.items() if copy not in rejected]
    if not kept:
        return imported
    copy, first = kept[0]
    print(
        f"kept: exact copies of earlier rows: {len(kept):,}, the first {copy}: the same as "
        f"{first}; --once rejects them",
        file=sys.stderr,
    )
    return imported._replace(notes={**imported.notes, "copies of earlier rows": len(kept)})


def _write(imported: Any, questions: list[Any], about: dict[str, Any], out: Path) -> dict[str, Any]:
    from prmkit.datasets.decontaminate import EvaluationIndex
    from prmkit.datasets.folder import remove_contaminated, write_import
    from prmkit.errors import DataError

    removed: list[Any] = []
    if questions:
        imported, removed = remove_contaminated(imported, EvaluationIndex(questions))
    summary = write_import(out, imported, removed, about)
    for bad in imported.rejected[:_SHOWN]:
        print(f"rejected: {bad.row}: {bad.reason}", file=sys.stderr)
    if len(imported.rejected) > _SHOWN:
        n_more = len(imported.rejected) - _SHOWN
        print(f"rejected: {n_more} more, in {out}/rejects.jsonl", file=sys.stderr)
    if not imported.n_used:
        raise DataError(
            f"{about['format']}: none of {imported.n_rows} rows could be used; see {out}"
        )
    return summary


def export_data(
    format: str = typer.Argument(help="trl or processbench."),
    table: Path = typer.Argument(help="Parquet table: labelled (trl) or cases (processbench)."),
    out: Path = typer.Option(help="File to write: .jsonl, .json or .parquet."),
    threshold: float = typer.Option(
        0.0, min=0.0, max=1.0, help="trl: a label above this is true; shares stay in label_probs."
    ),
) -> None:
    """Write a table in another project's format.

    Examples:

        prm export trl data/prm800k/labelled.parquet --out prm800k-trl.jsonl

        prm export trl runs/toy/consensus.parquet --out toy.parquet --threshold 0.5

        prm export processbench data/processbench/cases.parquet --out processbench.json
    """
    from prmkit.datasets.exporting import EXPORTS, export_table

    n_rows = export_table(table, EXPORTS[_one_of(format, EXPORTS)], out, threshold)
    print(f"{n_rows} rows written to {out}")


def _one_of(name: str, known: Mapping[str, Any]) -> str:
    from prmkit.errors import ConfigError

    if name in known:
        return name
    near = get_close_matches(name, known, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise ConfigError(f"format {name!r}: allowed are {', '.join(known)}{meant}")


def _print_summary(summary: dict[str, Any], out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    rows, records = summary["rows"], summary["records"]
    expected = summary["expected_rows"]
    table = Table(title=f"{summary['format']} to {out}", title_justify="left", show_header=False)
    table.add_column("what")
    table.add_column("how many", justify="right")
    table.add_row("rows", f"{rows['in']:,}" + (f" of {expected:,} expected" if expected else ""))
    table.add_row("  used", f"{rows['used']:,}")
    for reason, n in rows["dropped"].items():
        table.add_row(f"  dropped: {reason}", f"{n:,}")
    table.add_row("  rejected", f"{rows['rejected']:,}")
    if summary["decontaminated_against"]:
        table.add_row("records left out as contaminated", f"{records['contaminated']:,}")
    for name, n in summary["tables"].items():
        table.add_row(name, f"{n:,}")
    for note, n in summary["notes"].items():
        table.add_row(f"  {note}", f"{n:,}")
    Console(highlight=False).print(table)
