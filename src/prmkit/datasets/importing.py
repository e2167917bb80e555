"""Rows to records: what is wrong with a row stays with that row, and every row is counted.

    rows = used + dropped + rejected

A used row gave records (a tree of labels gives many), a dropped one was left out by an option, a
rejected one could not be read.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from prmkit.datasets.fields import BadField
from prmkit.datasets.rows import BadRow, Row
from prmkit.faults import first_fault
from prmkit.records import Record

R = TypeVar("R", bound=Record)

AGAIN = "again, as in"
"""What the reason of a row says whose id an earlier row had."""


class Converted(NamedTuple, Generic[R]):
    """What one row gave."""

    records: Sequence[R]
    """In order; none where an option left the row out."""
    notes: Mapping[str, int] = {}
    """Things worth counting, by name."""
    dropped: str = ""
    """The option that left the row out; empty if none did."""


class Imported(NamedTuple, Generic[R]):
    """What files gave, and what they did not."""

    records: list[R]
    """In the order of the rows."""
    rejected: list[BadRow]
    """Rows that could not be read, in order."""
    n_rows: int
    """Rows found."""
    n_used: int
    """Rows that gave records."""
    dropped: dict[str, int]
    """Rows that options left out, by option."""
    notes: dict[str, int]
    """What else was counted, by name."""


def convert_rows(
    rows: Iterable[Row | BadRow],
    convert: Callable[[Row], Converted[R]],
    identify: Callable[[R], str],
) -> Imported[R]:
    """Convert each row; a row with an id that an earlier one had is rejected.

    Args:
        rows: What `read_rows` gives.
        convert: Raises `BadField` for a row that it cannot use.
        identify: The id of a record, unique over all files.
    """
    records: list[R] = []
    rejected: list[BadRow] = []
    dropped: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    seen: dict[str, str] = {}
    n_rows = 0
    for row in rows:
        n_rows += 1
        converted = row if isinstance(row, BadRow) else _convert(row, convert, identify, seen)
        if isinstance(converted, BadRow):
            rejected.append(converted)
            continue
        records.extend(converted.records)
        notes.update(converted.notes)
        if converted.dropped:
            dropped[converted.dropped] += 1
    n_used = n_rows - len(rejected) - dropped.total()
    return Imported(records, rejected, n_rows, n_used, dict(dropped), dict(notes))


def _convert(
    row: Row,
    convert: Callable[[Row], Converted[R]],
    identify: Callable[[R], str],
    seen: dict[str, str],
) -> Converted[R] | BadRow:
    try:
        converted = convert(row)
        ids = [identify(record) for record in converted.records]
        for key in ids:
            if key in seen:
                raise BadField("id", f"{key!r} {AGAIN} {seen[key]}", "each id once")
    except BadField as error:
        return _bad(row, error.field, str(error))
    except ValidationError as error:
        fault = first_fault(error, Record)
        return _bad(row, fault.key, f"{fault.key}: {fault.problem}" if fault.key else fault.problem)
    seen.update(dict.fromkeys(ids, row.where))
    return converted


def _bad(row: Row, field: str, reason: str) -> BadRow:
    content = json.dumps(row.values, ensure_ascii=False, default=str)
    return BadRow(row=row.where, reason=" ".join(reason.split()), field=field, content=content)
