"""A pool of killable processes that compare answers with math-verify.

Time limits by signal handler work in the main thread only and cannot interrupt C code, so
comparisons run in processes that the system ends at the limit of processor time. The clock is only
a backstop, for a process that hangs without computing. The pool starts a fresh interpreter (no fork
of the caller, hence safe beside threads and torch) and speaks JSON lines to it over sockets. POSIX.
"""

import json
import math
import os
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from prmkit.answers.worker import Comparison
from prmkit.errors import RunError

_START_S = 120.0
_MOST_RESTARTS = 3
_PATIENCE = 20.0  # clock seconds allowed for a second of processor time, on a busy machine


class Pair(NamedTuple):
    """Two texts to compare."""

    answer: str
    reference: str


class WorkerPool:
    """Compares pairs in worker processes; started at the first use and again after `close`.

    Not thread-safe: one `compare` at a time.
    """

    def __init__(self, workers: int, timeout_s: float, memory_bytes: int) -> None:
        self._workers = workers
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._keeper: _KeeperHandle | None = None

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that are ready, for monitoring."""
        return [slot.pid for slot in self._keeper.slots if slot.pid] if self._keeper else []

    def compare(self, pairs: Sequence[Pair]) -> list[Comparison]:
        """Compare all pairs, all workers at once; comparisons in the order of the pairs.

        A pair that exceeds the time limit, runs out of memory or ends its process is unscored.

        Raises:
            RunError: the workers cannot be started.
        """
        batch = _Batch(pairs, self._timeout_s)
        n_restarts = 0
        try:
            while batch.n_open:
                if self._keeper is None:
                    self._keeper = _KeeperHandle(self._workers, self._timeout_s, self._memory_bytes)
                if not batch.advance(self._keeper):
                    batch.abandon(self._keeper)
                    self.close()
                    n_restarts += 1
                    if n_restarts > _MOST_RESTARTS:
                        raise RunError("answer workers keep dying; is there memory to run them?")
        except BaseException:
            # Half-done conversations must not leak into the next call.
            self.close()
            raise
        return batch.comparisons()

    def close(self) -> None:
        """End the worker processes, if any."""
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None


class _Slot:
    """One worker as its owner sees it; `pid` is None until a (new) worker says that it is ready."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.pid: int | None = None
        self.job: int | None = None
        self.request_id = 0
        self.deadline = math.inf
        self.killed = False
        self._unread = b""

    def send(self, job: int, pair: Pair, deadline: float) -> None:
        self.job, self.deadline = job, deadline
        self.request_id += 1
        self.killed = False
        message = json.dumps({"id": self.request_id, **pair._asdict()})
        self.connection.sendall(message.encode() + b"\n")

    def receive(self) -> list[dict[str, Any]]:
        *lines, self._unread = (self._unread + self.connection.recv(65536)).split(b"\n")
        return [json.loads(line) for line in lines]


class _KeeperHandle:
    """The keeper process and the sockets to it and to its workers."""

    def __init__(self, workers: int, timeout_s: float, memory_bytes: int) -> None:
        pairs = [socket.socketpair() for _ in range(workers + 1)]
        far_ends = [far for _, far in pairs]
        limits = [str(timeout_s), str(memory_bytes)]
        fds = [end.fileno() for end in far_ends]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "prmkit.answers.worker", *limits, *map(str, fds)],
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the owner's to handle
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for end in far_ends:
            end.close()
        self.control, *connections = (near for near, _ in pairs)
        self.slots = [_Slot(connection) for connection in connections]
        self.start_deadline = time.monotonic() + _START_S
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.control, selectors.EVENT_READ, None)
        for slot in self.slots:
            self.selector.register(slot.connection, selectors.EVENT_READ, slot)

    def kill(self, pid: int) -> None:
        self.control.sendall(f"{pid}\n".encode())

    def check_alive(self) -> bool:
        """False if the keeper is gone.

        Raises:
            RunError: it says that it cannot work.
        """
        try:
            message = self.control.recv(65536)
        except ConnectionError:
            return False
        if message:
            raise RunError(f"answer workers cannot start: {json.loads(message)['fatal']}")
        return False

    def close(self) -> None:
        self.selector.close()
        for end in (self.control, *(slot.connection for slot in self.slots)):
            end.close()
        try:
            self.process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class _Batch:
    """Pairs on their way through the workers."""

    def __init__(self, pairs: Sequence[Pair], timeout_s: float) -> None:
        self._pairs = pairs
        self._timeout_s = timeout_s
        self._pending = deque(range(len(pairs)))
        self._done: dict[int, Comparison] = {}

    @property
    def n_open(self) -> int:
        return len(self._pairs) - len(self._done)

    def comparisons(self) -> list[Comparison]:
        return [self._done[job] for job in range(len(self._pairs))]

    def advance(self, keeper: _KeeperHandle) -> bool:
        """Hand out pairs and wait for one event; False if the keeper is gone."""
        try:
            self._hand_out(keeper)
            alive = self._wait(keeper)
            self._kill_overdue(keeper)
        except (ConnectionError, BrokenPipeError):
            return False
        return alive

    def abandon(self, keeper: _KeeperHandle) -> None:
        """Settle what was in work when the keeper died; what was waiting is sent again."""
        for slot in keeper.slots:
            self._settle(slot, Comparison("unscored", "worker died"))

    def _hand_out(self, keeper: _KeeperHandle) -> None:
        for slot in keeper.slots:
            if slot.pid is not None and slot.job is None and self._pending:
                job = self._pending.popleft()
                slot.send(job, self._pairs[job], time.monotonic() + self._timeout_s * _PATIENCE)

    def _wait(self, keeper: _KeeperHandle) -> bool:
        now = time.monotonic()
        nearest = min(slot.deadline for slot in keeper.slots)
        if not any(slot.pid for slot in keeper.slots):
            nearest = min(nearest, keeper.start_deadline)
            if now > keeper.start_deadline:
                raise RunError(f"answer workers did not start within {_START_S:.0f} s")
        wait_s = None if nearest == math.inf else max(0.0, nearest - now)
        alive = True
        for key, _ in keeper.selector.select(wait_s):
            if key.data is None:
                alive = keeper.check_alive()
            else:
                self._read(key.data)
        return alive

    def _read(self, slot: _Slot) -> None:
        for message in slot.receive():
            if "pid" in message:
                late = f"no result within {self._timeout_s * _PATIENCE:g} s by the clock"
                self._settle(
                    slot, Comparison("unscored", late if slot.killed else message["before"])
                )
                slot.pid = message["pid"]
            elif message["id"] == slot.request_id:
                self._settle(slot, Comparison(message["verdict"], message["reason"]))
                if message["leaving"]:
                    slot.pid = None

    def _settle(self, slot: _Slot, comparison: Comparison) -> None:
        if slot.job is not None:
            self._done[slot.job] = comparison
        slot.job, slot.deadline, slot.killed = None, math.inf, False

    def _kill_overdue(self, keeper: _KeeperHandle) -> None:
        now = time.monotonic()
        for slot in keeper.slots:
            if slot.pid is not None and now >= slot.deadline:
                keeper.kill(slot.pid)
                slot.pid, slot.killed, slot.deadline = None, True, math.inf
