"""Records as Parquet files that pandas, DuckDB and `datasets` read too.

Equal records give equal bytes with the same pyarrow. Pages carry checksums, so that a damaged file
is an error and not other numbers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from prmkit.errors import DataError
from prmkit.faults import first_fault
from prmkit.records import Record
from prmkit.store.files import write_bytes
from prmkit.store.schema import arrow_schema, optional_columns

R = TypeVar("R", bound=Record)


def write_records(path: Path, records: Sequence[R], record_type: type[R]) -> None:
    """Write records, in this order, as one zstd-compressed Parquet file, replacing `path` whole.

    No records still give a file with the schema.

    Raises:
        TypeError: a record is not exactly of `record_type`.
        DataError: a value does not fit its column (a whole number of more than 64 bits).
        RunError: the file cannot be written.
    """
    for row, record in enumerate(records):
        if type(record) is not record_type:
            raise TypeError(f"row {row} is a {type(record).__name__}, not a {record_type.__name__}")
    rows = [record.model_dump() for record in records]
    try:
        table = pa.Table.from_pylist(rows, schema=arrow_schema(record_type))
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(f"{path}: {error}") from error
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    write_bytes(path, buffer.getvalue().to_pybytes())


def read_records(path: Path, record_type: type[R]) -> list[R]:
    """Read all records of a Parquet file, whoever wrote it, in file order.

    Columns may stand in any order; other widths of text, lists and numbers are taken where every
    value fits. A column that is not there counts as its field's default, where it has one that is
    safe to assume (`optional_columns`), so that tables of earlier versions can be read.

    Raises:
        DataError: the file is missing or damaged, a column is missing, unknown or of another type,
            or a value is not allowed; names file, row (from 0), column, found and allowed.
    """
    table = _conform(_read_table(path), record_type, path)
    return [
        _record(values, record_type, f"{path}, row {row}")
        for row, values in enumerate(table.to_pylist())
    ]


def _read_table(path: Path) -> Any:
    try:
        # ParquetFile and not read_table: the latter reads columns out of folder names
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a readable Parquet file: {reason}") from error


def _conform(table: Any, record_type: type[Record], path: Path) -> Any:
    """The table with the record's columns and types; nulls are left for the records to judge."""
    schema, optional = arrow_schema(record_type), optional_columns(record_type)
    for name in table.column_names:
        if name not in schema.names:
            allowed = ", ".join(schema.names)
            raise DataError(f"{path}: column {name}: found an unknown column; allowed: {allowed}")
        if table.column_names.count(name) > 1:
            raise DataError(f"{path}: column {name}: found twice; allowed: once")
    lacking = optional.difference(table.column_names)
    return pa.table(
        {f.name: _column(table, f, optional, path) for f in schema if f.name not in lacking}
    )


def _column(table: Any, field: Any, optional: frozenset[str], path: Path) -> Any:
    where = f"{path}: column {field.name}"
    if field.name not in table.column_names:
        raise DataError(f"{where}: found no such column; allowed: {_kind(field.type)}")
    column = table.column(field.name)
    if not _fits(column.type, field.type, field.name, optional):
        raise DataError(f"{where}: found {_kind(column.type)}; allowed: {_kind(field.type)}")
    return column


def _fits(found: Any, allowed: Any, name: str, optional: frozenset[str]) -> bool:
    """Whether values of one Arrow type can be what the column `name` of the other asks for."""
    if pa.types.is_null(found):  # a column, or the content of lists, without one value
        return True
    if _kind(allowed).startswith("list") and _kind(found).startswith("list"):
        return _fits(found.value_type, allowed.value_type, name, optional)
    if pa.types.is_struct(allowed) and pa.types.is_struct(found):
        theirs, ours = ({f.name: f.type for f in struct} for struct in (found, allowed))
        lacking = {n for n in ours if n not in theirs and f"{name}.{n}" in optional}
        return theirs.keys() == ours.keys() - lacking and all(
            _fits(theirs[n], ours[n], f"{name}.{n}", optional) for n in theirs
        )
    return (_kind(found), _kind(allowed)) == ("integer", "float") or _kind(found) == _kind(allowed)


def _kind(arrow_type: Any) -> str:
    """An Arrow type's shape in words, the same for all widths, encodings and nullabilities."""
    if pa.types.is_dictionary(arrow_type):
        return _kind(arrow_type.value_type)
    if pa.types.is_struct(arrow_type):
        fields = sorted(f"{field.name}: {_kind(field.type)}" for field in arrow_type)
        return f"struct({', '.join(fields)})"
    if pa.types.is_list(arrow_type) or pa.types.is_large_list(arrow_type):
        return f"list({_kind(arrow_type.value_type)})"
    for name, is_kind in _KINDS:
        if is_kind(arrow_type):
            return name
    return str(arrow_type)


_KINDS = (
    ("string", pa.types.is_string),
    ("string", pa.types.is_large_string),
    ("string", pa.types.is_string_view),
    ("integer", pa.types.is_integer),
    ("float", pa.types.is_floating),
)


def _record(values: dict[str, Any], record_type: type[R], where: str) -> R:
    try:
        return record_type.model_validate(values)
    except ValidationError as error:
        fault = first_fault(error, record_type)
        key = f", column {fault.key}" if fault.key else ""
        raise DataError(f"{where}{key}: {fault.problem}") from error
