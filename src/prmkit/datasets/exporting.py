"""Tables of records as files of other projects' formats."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from prmkit.datasets.processbench import processbench_row
from prmkit.datasets.trl import trl_rows
from prmkit.errors import DataError
from prmkit.records import BenchmarkCase, LabelledSolution, Record
from prmkit.store.files import write_bytes
from prmkit.store.tables import read_records


class ExportFormat(NamedTuple):
    """A format that leaves."""

    title: str
    """Name in the literature."""
    takes: type[Record]
    """Whose table it is made from."""
    rows: Callable[[Sequence[Any], float], list[dict[str, Any]]]
    """Records and the threshold of true labels to rows."""


def _processbench(cases: Sequence[BenchmarkCase], threshold: float) -> list[dict[str, Any]]:
    return [processbench_row(case) for case in cases]


EXPORTS: dict[str, ExportFormat] = {
    "trl": ExportFormat("TRL stepwise supervision", LabelledSolution, trl_rows),
    "processbench": ExportFormat("ProcessBench", BenchmarkCase, _processbench),
}
"""By the name on the command line."""


def export_table(table: Path, export: ExportFormat, out: Path, threshold: float = 0.0) -> int:
    """Write a Parquet table of records in another format, all rows or none.

    Args:
        table: The table.
        export: The format.
        out: File to write, replaced whole: .jsonl, .json (an array) or .parquet.
        threshold: A label above it is true, where the format has true and false.

    Returns:
        Rows written.

    Raises:
        DataError: the table is not of the format's records, a record does not fit the format, or
            the ending of `out` is another one.
    """
    if out.suffix not in _WRITERS:
        raise DataError(f"{out}: ending {out.suffix!r}; allowed: {', '.join(_WRITERS)}")
    rows = export.rows(read_records(table, export.takes), threshold)
    write_bytes(out, _WRITERS[out.suffix](rows))
    return len(rows)


def _lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def _array(rows: list[dict[str, Any]]) -> bytes:
    return f"{json.dumps(rows, ensure_ascii=False, indent=1)}\n".encode()


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), buffer, compression="zstd")
    content: bytes = buffer.getvalue().to_pybytes()
    return content


_WRITERS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    ".jsonl": _lines,
    ".json": _array,
    ".parquet": _parquet,
}
