"""A pool of answer workers whose processes die, hang or do not start."""

import os
import signal
import threading
from pathlib import Path

import pytest

from prmkit.answers.workers import Pair, WorkerPool
from prmkit.errors import RunError

HANGS = Pair("9^{9^{9^9}}", "5+x")
EASY = Pair("x > 2", "2 < x")
MEMORY_BYTES = 4 << 30


def test_a_worker_that_hangs_without_computing_is_replaced_by_the_clock() -> None:
    pool = WorkerPool(workers=1, timeout_s=0.1, memory_bytes=MEMORY_BYTES)
    try:
        pool.compare([EASY])
        (stopped,) = pool.pids
        os.kill(stopped, signal.SIGSTOP)
        hung, fine = pool.compare([Pair("y > 2", "2 < y"), EASY])
        assert pool.pids != [stopped]
    finally:
        pool.close()
    # twenty seconds by the clock for each of processor time: 0.1 s give 2 s
    assert hung == ("unscored", "no result within 2 s by the clock")
    assert fine.verdict == "equal"


def test_when_the_keeper_dies_what_was_in_work_is_unscored_and_the_rest_is_compared() -> None:
    pool = WorkerPool(workers=1, timeout_s=3.0, memory_bytes=MEMORY_BYTES)
    try:
        pool.compare([EASY])
        keeper = os.getsid(pool.pids[0])  # it leads the session of its workers
        threading.Timer(0.5, os.kill, (keeper, signal.SIGKILL)).start()
        in_work, waiting = pool.compare([HANGS, EASY])
    finally:
        pool.close()
    assert in_work == ("unscored", "worker died")
    assert waiting.verdict == "equal"


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("raise ImportError('no algebra here')", "answer workers cannot start: no algebra here"),
        ("import os\nos._exit(1)", "answer workers keep dying"),
    ],
)
def test_workers_that_cannot_start_are_an_error_that_says_why(
    module: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "math_verify.py").write_text(module)
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    pool = WorkerPool(workers=1, timeout_s=1.0, memory_bytes=MEMORY_BYTES)
    with pytest.raises(RunError, match=message):
        pool.compare([EASY])
    assert pool.pids == []
