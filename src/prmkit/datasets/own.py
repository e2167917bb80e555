"""Tables of prmkit's own records, as Parquet or JSON, whoever wrote them.

The record is told by its columns; each row is checked as strictly as a recipe. Columns that came
after a table was written may be absent; where an error is may not: absent is no label, null is one.
"""

import json
from collections.abc import Iterable

from prmkit.datasets.fields import Fields
from prmkit.datasets.folder import TABLES
from prmkit.datasets.importing import Converted, Imported, convert_rows
from prmkit.datasets.rows import BadRow, Row
from prmkit.faults import allowed_values
from prmkit.records import Record
from prmkit.store.schema import optional_columns


def read_own(rows: Iterable[Row | BadRow]) -> Imported[Record]:
    """Read records; a row of another kind than the first one is rejected."""
    found: list[tuple[type[Record], str]] = []

    def convert(row: Row) -> Converted[Record]:
        kind, _ = found[0] if found else _kind(row)
        _check_decisive(row, kind)
        record = kind.model_validate_json(json.dumps(row.values, default=str), strict=True)
        if not found:
            found.append(_kind(row))
        return Converted([record], {kind.__name__: 1})

    return convert_rows(rows, convert, lambda record: str(getattr(record, found[0][1])))


def _kind(row: Row) -> tuple[type[Record], str]:
    columns = set(row.values)
    for kind, (_, key) in TABLES.items():
        needed = {name for name, field in kind.model_fields.items() if field.is_required()}
        if needed <= columns <= set(kind.model_fields):
            return kind, key
    names = ", ".join(kind.__name__ for kind in TABLES)
    raise Fields(row.values).bad("", f"columns {', '.join(sorted(columns))}", f"those of {names}")


def _check_decisive(row: Row, kind: type[Record]) -> None:
    """Raise `BadField` where a column is absent whose default would be a label."""
    optional = optional_columns(kind)
    for name, field in kind.model_fields.items():
        if not field.is_required() and name not in optional:
            Fields(row.values).raw(name, allowed_values(field))
