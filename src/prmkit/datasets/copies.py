"""Rows that are exact copies of an earlier one.

A set whose rows have no id of their own may hold a row more than once and mean it: of MMLU STEM's
3,018 questions 12 are copies, and a policy may write the same solution twice. A file that was put
together twice looks the same. So copies are kept and said, and rejected where that is asked for.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b

from prmkit.datasets.rows import BadRow, Row

_DIGEST_BYTES = 16


class Once:
    """The rows of a set, and which of them are copies; to be gone through once.

    Args:
        rows: What `read_rows` gives.
        reject: Whether a copy becomes a `BadRow` that says so.
    """

    def __init__(self, rows: Iterable[Row | BadRow], *, reject: bool) -> None:
        self._rows = rows
        self._reject = reject
        self._first: dict[bytes, str] = {}
        self._copies: dict[str, str] = {}

    @property
    def copies(self) -> Mapping[str, str]:
        """Where each copy found so far is, and where the row is that it repeats."""
        return self._copies

    def __iter__(self) -> Iterator[Row | BadRow]:
        for row in self._rows:
            earlier = None if isinstance(row, BadRow) else self._earlier(row)
            if isinstance(row, BadRow) or earlier is None:
                yield row
                continue
            self._copies[row.where] = earlier
            yield _bad(row, earlier) if self._reject else row

    def _earlier(self, row: Row) -> str | None:
        text = json.dumps(row.values, sort_keys=True, default=str)
        digest = blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()
        first = self._first.setdefault(digest, row.where)
        return None if first is row.where else first


def _bad(row: Row, earlier: str) -> BadRow:
    content = json.dumps(row.values, ensure_ascii=False, default=str)
    reason = f"found the same row as {earlier}; allowed: each row once"
    return BadRow(row=row.where, reason=reason, content=content)
