"""An import as a folder: tables of records, rejected rows beside them, and what became of each row.

problems.parquet, labelled.parquet, cases.parquet, solutions.parquet   whichever there are
rejects.jsonl        rows that could not be read, whole, with field and reason
contaminated.jsonl   rows left out because their problem is an evaluation problem
import.json          format, files, options, and the counts; written last
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prmkit import __version__
from prmkit.datasets.decontaminate import EvaluationIndex, EvaluationProblem, Match, decontaminate
from prmkit.datasets.fields import BadField, Fields
from prmkit.datasets.importing import Imported
from prmkit.datasets.rows import BadRow, read_rows
from prmkit.errors import DataError, RunError
from prmkit.records import BenchmarkCase, LabelledSolution, Problem, Record, Solution
from prmkit.store.files import write_bytes, write_json
from prmkit.store.tables import write_records

TABLES: dict[type[Record], tuple[str, str]] = {
    Problem: ("problems", "problem_id"),
    LabelledSolution: ("labelled", "solution_id"),
    BenchmarkCase: ("cases", "case_id"),
    Solution: ("solutions", "solution_id"),
}
"""Name of each record's table, and its id."""

REJECTS, CONTAMINATED, SUMMARY = "rejects.jsonl", "contaminated.jsonl", "import.json"


def check_folder(out: Path, *, force: bool) -> None:
    """Check that an import may be written to a folder, before any work; changes nothing.

    Raises:
        RunError: it holds something, unless that is an import and `force` allows to replace it.
    """
    if out.exists() and not out.is_dir():
        raise RunError(f"{out}: not a folder")
    held = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    foreign = [name for name in held if name not in _own_names()]
    if foreign:
        raise RunError(f"{out}: not empty and not an import: it holds {foreign[0]}")
    if held and not force:
        raise RunError(f"{out}: holds an import; give another folder, or --force to replace it")


def write_import(
    out: Path, imported: Imported[Record], contaminated: Sequence[Match], about: dict[str, Any]
) -> dict[str, Any]:
    """Write an import; files of an earlier one in the folder go.

    Args:
        out: The folder, made if absent.
        imported: What to write.
        contaminated: What decontamination took out of it.
        about: Format, files and options, for import.json.

    Returns:
        What import.json holds.

    Raises:
        RunError: the folder cannot be written.
    """
    _clear(out)
    tables: dict[str, int] = {}
    for kind, (name, _) in TABLES.items():
        records = [record for record in imported.records if type(record) is kind]
        if records:
            write_records(out / f"{name}.parquet", records, kind)
            tables[f"{name}.parquet"] = len(records)
    _write_lines(out / REJECTS, imported.rejected)
    _write_lines(out / CONTAMINATED, contaminated)
    summary = {
        **about,
        "prmkit": __version__,
        "rows": {
            "in": imported.n_rows,
            "used": imported.n_used,
            "dropped": imported.dropped,
            "rejected": len(imported.rejected),
        },
        "records": {"written": sum(tables.values()), "contaminated": len(contaminated)},
        "tables": tables,
        "notes": imported.notes,
    }
    write_json(out / SUMMARY, summary)
    return summary


def remove_contaminated(
    imported: Imported[Record], index: EvaluationIndex
) -> tuple[Imported[Record], list[Match]]:
    """Leave out records whose problem is an evaluation problem.

    Raises:
        DataError: a record holds no question.
    """
    found = decontaminate(imported.records, _question, index)
    return imported._replace(records=found.kept), found.removed


def evaluation_questions(paths: Sequence[Path]) -> list[EvaluationProblem]:
    """The problems of evaluation tables, as Parquet or JSON, each text once.

    Raises:
        DataError: a row cannot be read, since a problem not looked for would be let through.
    """
    questions: dict[str, EvaluationProblem] = {}
    for row in read_rows(paths):
        if isinstance(row, BadRow):
            raise DataError(f"{row.row}: {row.reason}")
        fields = Fields(row.values)
        try:
            text = fields.text("question")
            key = fields.key(fields.first([key for _, key in TABLES.values()]), row.where)
        except BadField as error:
            raise DataError(f"{row.where}: {error}") from error
        questions.setdefault(text, EvaluationProblem(key, text))
    return list(questions.values())


def _own_names() -> set[str]:
    return {REJECTS, CONTAMINATED, SUMMARY, *(f"{name}.parquet" for name, _ in TABLES.values())}


def _clear(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in _own_names():
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{out}: cannot be written: {error.strerror}") from error


def _question(record: Record) -> EvaluationProblem:
    text = getattr(record, "question", None)
    key = str(getattr(record, TABLES[type(record)][1]))
    if not isinstance(text, str):
        raise DataError(f"{key}: a {type(record).__name__} holds no question to compare")
    return EvaluationProblem(key, text)


def _write_lines(path: Path, records: Sequence[Record]) -> None:
    lines = [json.dumps(record.model_dump(mode="json"), ensure_ascii=False) for record in records]
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode())
