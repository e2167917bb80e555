"""What a run has paid for and finished, row by row, so that a kill at any moment loses none of it.

One SQLite file in WAL mode; each call is one transaction. With `synchronous=NORMAL` a killed
process loses no committed row; a power cut can lose the last ones but never tears the file.
Payloads are the records' JSON. The key of a completion is `Request.key`, of a row what its stage
says. Other programs may read the file while it is written.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from prmkit.closing import Closing
from prmkit.errors import RunError
from prmkit.generators.base import Completion
from prmkit.records import Record
from prmkit.store.lock import Lock

_FORMAT = 1  # of the tables below; kept in SQLite's user_version
_TABLES = """
CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, payload TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS finished (
    stage TEXT NOT NULL, key TEXT NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (stage, key)
);
"""
_KEYS_A_QUERY = 500  # SQLite before 3.32 allows 999 variables


class Journal(Closing):
    """Completions and finished rows on disk; the `Cache` of `generators.drive`.

    Args:
        path: The SQLite file, made if absent; `path` + `.lock` beside it keeps others out.

    Raises:
        RunError: another process has it open, or the file is not such a journal; from any method
            also where the disk refuses a write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock(path.with_name(f"{path.name}.lock"))
        try:
            with self._boundary():
                self._database = _connect(path)
        except RunError:
            self._lock.close()
            raise

    def replies(self, keys: list[str]) -> dict[str, Completion]:
        """The remembered completions among `keys`."""
        found: dict[str, str] = {}
        for start in range(0, len(keys), _KEYS_A_QUERY):
            chunk = keys[start : start + _KEYS_A_QUERY]
            marks = ",".join("?" * len(chunk))
            query = f"SELECT key, payload FROM replies WHERE key IN ({marks})"
            with self._boundary():
                found.update(self._database.execute(query, chunk))
        return {key: self._completion(key, payload) for key, payload in found.items()}

    def remember(self, replies: dict[str, Completion]) -> None:
        """Keep completions; where a key is known, the first one stays.

        Raises:
            TypeError: one is not a completion; failures are never kept, so that they are retried.
        """
        for key, reply in replies.items():
            if not isinstance(reply, Completion):
                raise TypeError(f"reply {key} is a {type(reply).__name__}, not a Completion")
        rows = [(key, reply.model_dump_json()) for key, reply in replies.items()]
        query = "INSERT OR IGNORE INTO replies VALUES (?, ?)"
        with self._boundary(), self._database:
            self._database.executemany(query, rows)

    def rows(self, stage: str) -> dict[str, str]:
        """JSON of the stage's finished rows by key, sorted by key."""
        query = "SELECT key, payload FROM finished WHERE stage = ? ORDER BY key"
        with self._boundary():
            return dict(self._database.execute(query, (stage,)))

    def add_row(self, stage: str, key: str, record: Record) -> None:
        """Keep one finished row; see `add_rows`."""
        self.add_rows(stage, {key: record})

    def add_rows(self, stage: str, records: Mapping[str, Record]) -> None:
        """Keep finished rows of a stage by key, all or none; an equal row again changes nothing.

        Raises:
            RunError: a key already has another row.
        """
        with self._boundary(), self._database:
            for key, record in records.items():
                self._add(stage, key, record.model_dump_json())

    def close(self) -> None:
        """Close the file and let others in; closing twice is allowed."""
        self._database.close()
        self._lock.close()

    def _add(self, stage: str, key: str, payload: str) -> None:
        insert = "INSERT OR IGNORE INTO finished VALUES (?, ?, ?)"
        if self._database.execute(insert, (stage, key, payload)).rowcount:
            return
        query = "SELECT payload FROM finished WHERE stage = ? AND key = ?"
        (known,) = self._database.execute(query, (stage, key)).fetchone()
        if known != payload:
            raise RunError(f"{self._path}: stage {stage}, key {key} is finished with another row")

    def _completion(self, key: str, payload: str) -> Completion:
        try:
            return Completion.model_validate_json(payload)
        except ValidationError as error:
            what = f"{error.error_count()} errors in the reply {key}"
            raise RunError(f"{self._path}: {what}; the journal is damaged") from error

    @contextmanager
    def _boundary(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise RunError(f"{self._path}: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    try:
        (found,) = database.execute("PRAGMA user_version").fetchone()
        if found not in (0, _FORMAT):
            raise RunError(f"{path}: journal of format {found}; allowed: {_FORMAT}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_FORMAT}; COMMIT;")
    except BaseException:
        database.close()
        raise
    return database
