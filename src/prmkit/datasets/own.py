"""Tables of prmkit's own records, as Parquet or JSON, whoever wrote them.

The record is told by its columns; each row is checked as strictly as a recipe.
"""

import json
from collections.abc import Iterable

from prmkit.datasets.fields import Fields
from prmkit.datasets.folder import TABLES
from prmkit.datasets.importing import Converted, Imported, convert_rows
from prmkit.datasets.rows import BadRow, Row
from prmkit.records import Record


def read_own(rows: Iterable[Row | BadRow]) -> Imported[Record]:
    """Read records; a row of another kind than the first one is rejected."""
    found: list[tuple[type[Record], str]] = []

    def convert(row: Row) -> Converted[Record]:
        kind, _ = found[0] if found else _kind(row)
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
