import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from prmkit.errors import RunError
from prmkit.generators.base import Completion, Failure
from prmkit.records import Rejected, Usage
from prmkit.store import Journal

# Writes completions and rows one after the other for ever; names each on stdout once it is kept.
WRITER = """
import os, sys
from pathlib import Path
from prmkit.generators.base import Completion
from prmkit.records import Rejected, Usage
from prmkit.store import Journal

journal = Journal(Path(sys.argv[1]))
n = len(journal.rows("stage"))
while True:
    keys = [f"{n}.{i}" for i in range(3)]
    journal.remember({
        k: Completion(text=k * 500, finish_reason="stop", usage=Usage(n_calls=1)) for k in keys
    })
    journal.add_row("stage", str(n), Rejected(row=str(n), reason="r" * 2000))
    os.write(1, f"{n}\\n".encode())
    n += 1
"""
HOLDER = """
import os, sys, time
from pathlib import Path
from prmkit.store import Journal

journal = Journal(Path(sys.argv[1]))
child = os.fork()
os.write(1, f"{child}\\n".encode()) if child else None
time.sleep(60)
"""


def completion(text: str) -> Completion:
    return Completion(text=text, token_ids=(1, 2), finish_reason="stop", usage=Usage(n_calls=1))


def row(text: str) -> Rejected:
    return Rejected(row=text, reason="because")


def child(script: str, path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE)


def test_completions_come_back_by_key(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.remember({"a": completion("1"), "b": completion("\x00 é √")})
        assert journal.replies(["b", "unknown", "b"]) == {"b": completion("\x00 é √")}
        assert journal.replies([]) == {}
    with Journal(tmp_path / "journal.sqlite") as journal:
        assert journal.replies(["a"]) == {"a": completion("1")}


def test_the_first_completion_of_a_key_stays(tmp_path: Path) -> None:
    # rows may already rest on it
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.remember({"a": completion("first")})
        journal.remember({"a": completion("second"), "b": completion("new")})
        assert journal.replies(["a", "b"]) == {"a": completion("first"), "b": completion("new")}


def test_more_keys_than_sqlite_takes_variables(tmp_path: Path) -> None:
    texts = {f"k{i}": completion(str(i)) for i in range(1201)}
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.remember(texts)
        assert journal.replies(["none", *texts]) == texts


def test_a_failure_is_never_kept(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        replies = {"a": completion("1"), "b": Failure(kind="timeout", message="60 s")}
        with pytest.raises(TypeError, match="reply b is a Failure"):
            journal.remember(replies)  # type: ignore[arg-type]
        assert journal.replies(["a", "b"]) == {}


def test_rows_are_kept_by_stage_in_key_order(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.add_rows("mc", {"2": row("two"), "1": row("one")})
        journal.add_row("judge", "1", row("other"))
        journal.add_row("mc", "1", row("one"))  # again
        assert list(journal.rows("mc")) == ["1", "2"]
        assert Rejected.model_validate_json(journal.rows("mc")["1"]) == row("one")
        assert journal.rows("none") == {}


def test_another_row_under_a_finished_key_is_refused_with_its_whole_batch(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.add_row("mc", "1", row("one"))
        with pytest.raises(RunError, match="stage mc, key 1 is finished with another row"):
            journal.add_rows("mc", {"0": row("zero"), "1": row("changed")})
        assert journal.rows("mc") == {"1": row("one").model_dump_json()}


def test_a_kill_at_any_moment_loses_no_committed_row(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    moments = random.Random(7)
    n_named = 0
    for _ in range(4):
        with child(WRITER, path) as writer:
            assert writer.stdout is not None
            first = writer.stdout.readline()
            time.sleep(moments.uniform(0.0, 0.15))
            writer.kill()
            named = [int(line) for line in (first + writer.stdout.read()).splitlines()]
        assert named[0] in (n_named, n_named + 1)  # one may be kept but not yet named
        n_named = named[-1] + 1
        with Journal(path) as journal:
            rows = journal.rows("stage")
            assert sorted(map(int, rows)) == list(range(len(rows)))
            assert len(rows) in (n_named, n_named + 1)
            keys = [f"{n}.{i}" for n in range(n_named) for i in range(3)]
            assert {k: c.text for k, c in journal.replies(keys).items()} == {
                k: k * 500 for k in keys
            }
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_second_process_is_refused_until_the_first_dies(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with child(HOLDER, path) as holder:
        assert holder.stdout is not None
        forked = int(holder.stdout.readline())
        with pytest.raises(RunError, match=rf"{tmp_path}: in use by process {holder.pid}"):
            Journal(path)
        holder.kill()
        holder.wait()
        Journal(path).close()  # although the worker process that it forked still lives
        subprocess.run(["kill", "-0", str(forked)], check=True)
        subprocess.run(["kill", "-9", str(forked)], check=True)


def test_opening_twice_in_one_process_is_refused_until_closed(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    first = Journal(path)
    with pytest.raises(RunError, match="already open in this process"):
        Journal(path)
    first.close()
    with Journal(path) as second:
        first.close()  # closing again takes nothing from the second
        with pytest.raises(RunError, match="already open in this process"):
            Journal(path)
        second.add_row("mc", "1", row("one"))


def test_a_file_that_is_no_journal_is_refused_and_set_free(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database, but long enough to be one" * 100)
    for _ in range(2):
        with pytest.raises(RunError, match=r"journal\.sqlite: file is not a database"):
            Journal(path)


def test_a_journal_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 9")
    database.close()
    with pytest.raises(RunError, match="journal of format 9; allowed: 1"):
        Journal(path)


def test_a_damaged_reply_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.remember({"a": completion("1")})
    database = sqlite3.connect(path)
    with database:
        database.execute("UPDATE replies SET payload = '{}'")
    database.close()
    with Journal(path) as journal, pytest.raises(RunError, match="reply a; the journal is damaged"):
        journal.replies(["a"])


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written: No such file or directory"):
        Journal(tmp_path / "none" / "journal.sqlite")
