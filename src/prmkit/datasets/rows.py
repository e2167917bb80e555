r"""Read the rows of a data file, whatever is wrong with some of them.

JSON lines, one JSON array or object, and Parquet; each of the first two also gzipped. The kind is
told by content, never by the file's name. JSON lines end at "\n" and nowhere else: decoded texts
hold U+2028 and its like. A row that cannot be read becomes a `BadRow` and reading goes on after it;
what follows damage that hides where the next row begins is one `BadRow` more.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

from prmkit.errors import DataError
from prmkit.records import Rejected

_OBJECT = "a JSON object"
_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)
_BLANK = re.compile(r"[ \t\r\n]*")
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # how a UTF-16 or UTF-32 file begins
_MARK = b"\xef\xbb\xbf"
_PEEK = 1 << 16


class Row(NamedTuple):
    """One row of a data file."""

    where: str
    """File and line or row, counted from 1."""
    position: int
    """Place over all files that are read together, from 0."""
    stem: str
    """The file's name without its endings."""
    values: dict[str, Any]
    """Columns by name."""


class BadRow(Rejected):
    """A row of a data file that was not imported; kept with all that it held."""

    field: str = ""
    """The column at fault, dotted; empty where it is the row itself."""
    content: str = ""
    """The row as it was found."""


def read_rows(paths: Sequence[Path]) -> Iterator[Row | BadRow]:
    """Read files one after the other.

    Raises:
        DataError: a file is missing, in UTF-16, or not a readable Parquet file.
    """
    position = 0
    for path in paths:
        stem = path.name.split(".")[0]
        for found in _read_file(path):
            if isinstance(found, BadRow):
                yield found
            else:
                yield Row(found.where, position, stem, found.values)
            position += 1


def rows_of(tables: Iterable[tuple[str, Iterable[dict[str, Any]]]]) -> Iterator[Row]:
    """Rows that are already decoded, by name of the table that they come from."""
    position = 0
    for name, rows in tables:
        for number, values in enumerate(rows, start=1):
            yield Row(f"{name}, row {number}", position, name, values)
            position += 1


class _Good(NamedTuple):
    where: str
    values: dict[str, Any]


def _read_file(path: Path) -> Iterator[_Good | BadRow]:
    try:
        with path.open("rb") as file:
            head = file.read(4)
        if head == b"PAR1":
            yield from _parquet(path)
            return
        if head[:2] in _WIDE:
            raise DataError(f"{path}: found UTF-16 or UTF-32; allowed: UTF-8")
        if _is_lines(path):
            yield from _lines(path)
        else:
            yield from _array(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if zipped else path.open("rb")


def _is_lines(path: Path) -> bool:
    """Whether a line is a row: not an array, and not one object over several lines."""
    with _open(path) as file:
        try:
            head = file.read1(_PEEK).removeprefix(_MARK).lstrip()
            if not head.startswith(b"{"):
                return not head.startswith(b"[")
            if b"\n" not in head:
                head += file.readline()
            return _parses(head.partition(b"\n")[0]) or not _parses(head + file.read())
        except _DAMAGED:
            return True


def _parses(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(path: Path) -> Iterator[_Good | BadRow]:
    number = 0
    with _open(path) as file:
        try:
            for number, line in enumerate(file, start=1):
                unmarked = line.removeprefix(_MARK) if number == 1 else line
                if unmarked.strip():
                    yield _line(f"{path}, line {number}", unmarked)
        except _DAMAGED as error:
            yield BadRow(
                row=f"{path}, after line {number}",
                reason=f"found damaged gzip data ({error}); allowed: a whole file",
            )


def _line(where: str, line: bytes) -> _Good | BadRow:
    shown = line.decode(errors="backslashreplace").rstrip("\n")
    try:
        text = line.decode()
        values = json.loads(text)
    except UnicodeDecodeError as error:
        found = f"byte 0x{line[error.start]:02x} at {error.start}, which is not UTF-8"
        return BadRow(row=where, reason=f"found {found}; allowed: UTF-8", content=shown)
    except RecursionError:
        return _not_json(where, "values nested too deeply", shown)
    except ValueError as error:
        torn = "" if line.endswith(b"\n") else "a torn last line: "
        return _not_json(where, f"{torn}{_problem(error)}", shown)
    return _row(where, values, shown, escaped="\\u" in text)


def _array(path: Path) -> Iterator[_Good | BadRow]:
    """Elements of an array, or the one object, decoded one by one up to where it is torn."""
    text, damage = _text(path)
    at = _blank_end(text, 0)
    if text[at : at + 1] != "[":
        yield _checked(f"{path}, row 1", json.loads(text), text)
        return
    decoder = json.JSONDecoder()
    number, at = 0, _blank_end(text, at + 1)
    while text[at : at + 1] not in ("]", ""):
        number += 1
        where = f"{path}, row {number}"
        try:
            values, end = decoder.raw_decode(text, at)
            following = _blank_end(text, end)
            if text[following : following + 1] not in (",", "]"):
                raise ValueError("no comma or closing bracket follows")
        except (ValueError, RecursionError) as error:
            found = f"the rest of a torn array: {_problem(error)}{damage}"
            yield _not_json(where, found, text[at:])
            return
        yield _checked(where, values, text[at:end])
        at = following if text[following] == "]" else _blank_end(text, following + 1)
    if text[_blank_end(text, at + 1) :] or not text[at : at + 1]:
        found = "text after the array" if text[at : at + 1] else f"no end of the array{damage}"
        yield _not_json(f"{path}, after row {number}", found, text[at + 1 :])


def _text(path: Path) -> tuple[str, str]:
    """A whole file, bytes that are not UTF-8 kept as lone surrogates, and what broke it off."""
    parts: list[bytes] = []
    damage = ""
    with _open(path) as file:
        try:
            while part := file.read1(_PEEK):
                parts.append(part)
        except _DAMAGED as error:
            damage = f" (damaged gzip data: {error})"
    text = b"".join(parts).removeprefix(_MARK).decode(errors="surrogateescape")
    return text, damage


def _blank_end(text: str, start: int) -> int:
    found = _BLANK.match(text, start)
    return found.end() if found else start


def _parquet(path: Path) -> Iterator[_Good | BadRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    number += 1
                    yield _Good(f"{path}, row {number}", values)
    except pa.ArrowException as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a readable Parquet file: {reason}") from error


def _checked(where: str, values: Any, shown: str) -> _Good | BadRow:
    return _row(where, values, shown, escaped=not shown.isascii() or "\\u" in shown)


def _row(where: str, values: Any, shown: str, *, escaped: bool) -> _Good | BadRow:
    if not isinstance(values, dict):
        kind = type(values).__name__
        found = f"found a JSON {kind}; allowed: {_OBJECT}"
        return BadRow(row=where, reason=found, content=_printable(shown))
    if escaped and not _is_unicode(values):
        found = "found bytes or escapes that are not Unicode text; allowed: UTF-8"
        return BadRow(row=where, reason=found, content=_printable(shown))
    return _Good(where, values)


def _not_json(where: str, found: str, shown: str) -> BadRow:
    return BadRow(
        row=where, reason=f"found {found}; allowed: {_OBJECT}", content=_printable(shown.strip())
    )


def _printable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _problem(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "values nested too deeply" if isinstance(error, RecursionError) else str(error)


def _is_unicode(values: Any) -> bool:
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
