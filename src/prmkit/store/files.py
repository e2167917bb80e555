"""Write files that are seen whole or not at all, and read JSON with errors that name the place.

A file is written under a temporary name in its own folder, synced, renamed, and the folder synced:
after a kill or a power cut the old file or the new one is there, never a part of it.
"""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from prmkit.errors import DataError, RunError

_TEMPORARY = ".prmkit-*.tmp"


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step.

    Raises:
        RunError: the file cannot be written (no such folder, no space, no right to).
    """
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` when the block ends without an error.

    Raises:
        RunError: the file cannot be written (no such folder, no space, no right to).
    """
    temporary = path.with_name(_TEMPORARY.replace("*", secrets.token_hex(8)))
    try:
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror}") from error


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, so that equal content gives equal bytes.

    Raises:
        DataError: `content` holds a NaN, an infinity or something that JSON has no form for.
        RunError: the file cannot be written.
    """
    try:
        text = json.dumps(content, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        encoded = f"{text}\n".encode()
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: not JSON: {error}") from error
    write_bytes(path, encoded)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: the file is missing, unreadable or not JSON; says line and column, from 1.
    """
    try:
        return json.loads(path.read_bytes().decode())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DataError(f"{path}: not JSON, {place}: {error.msg}") from error
    except RecursionError:
        raise DataError(f"{path}: not JSON: nested too deeply") from None


def is_temporary(path: Path) -> bool:
    """Whether a file is what an interrupted write left behind."""
    return path.match(_TEMPORARY)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
