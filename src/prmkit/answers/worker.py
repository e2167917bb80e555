"""The process side of answer checking: `python -m prmkit.answers.worker`, started by `workers`.

A keeper imports math-verify once and forks one worker for each socket that it inherited, so that a
killed worker is replaced in milliseconds. The keeper only waits: for a worker's death (then it
forks another), for a line on its control socket (the process id of a worker to kill) and for the
end of that socket (the owner is gone: kill all and leave). It must stay single-threaded.

The time limit counts processor seconds and is kept by the system (ITIMER_PROF ends the process): a
busy machine does not turn answers into time-outs, and a check ends even where its owner is gone.

Messages are JSON lines. Worker to owner: {"pid", "before"} when ready (`before`: why its
predecessor ended), {"id", "verdict", "reason", "leaving"} for each request. Owner to worker:
{"id", "answer", "reference"}, one at a time.
"""

import contextlib
import dataclasses
import functools
import gc
import json
import logging
import os
import re
import resource
import select
import signal
import socket
import sys
from itertools import product
from typing import Any, Literal, NamedTuple

Verdict = Literal["equal", "different", "unscored"]

_RECURSION_LIMIT = 20_000  # long sums parse into deep trees; sympy walks them recursively
_PROSE = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}(?=[^A-Za-z}]|$)")
_UNIT_LETTER = re.compile(r"[0-9}]\s*[A-Za-z]\W*$", re.MULTILINE)
_RECYCLE = 3
# math-verify swallows MemoryError, and "different" then proves nothing. What exhausts memory here
# grows by multiplying, so it is resident to a good part before the allocation that fails.
_SWOLLEN = 0.1
# Loads sympy and fills its caches and the parser's tables once for all workers.
_WARM_UP = (
    (r"\frac{x}{2}+1", "0.5x+1"),
    ("10 + 2 apples", "50"),
    (r"\sin^2 x", r"1-\cos^2 x"),
    ("x > 2", r"(2,\infty)"),
    (r"\frac{1}{2}, x^3", r"\sqrt{2}, 0.5"),
)


class Comparison(NamedTuple):
    """What math-verify says of one pair."""

    verdict: Verdict
    reason: str


class _Limits(NamedTuple):
    timeout_s: float
    memory_bytes: int


def main(arguments: list[str]) -> None:
    """Run the keeper. Arguments: seconds a check, memory in bytes, control fd, worker fds."""
    limits = _Limits(float(arguments[0]), int(arguments[1]))
    control, *sockets = (socket.socket(fileno=int(fd)) for fd in arguments[2:])
    logging.disable(logging.CRITICAL)
    sys.setrecursionlimit(_RECURSION_LIMIT)
    try:
        for answer, reference in _WARM_UP:
            compare(answer, reference)
    except ImportError as error:
        control.sendall(json.dumps({"fatal": str(error)}).encode() + b"\n")
        return
    gc.freeze()
    _Keeper(control, sockets, limits).run()


class _Keeper:
    def __init__(
        self, control: socket.socket, sockets: list[socket.socket], limits: _Limits
    ) -> None:
        self._control = control
        self._sockets = sockets
        self._limits = limits
        self._slots: dict[int, int] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def run(self) -> None:
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for slot in range(len(self._sockets)):
            self._fork(slot, "")
        try:
            while self._serve_owner():
                self._replace_dead()
        finally:
            for pid in self._slots:
                os.kill(pid, signal.SIGKILL)

    def _serve_owner(self) -> bool:
        readable, _, _ = select.select([self._control.fileno(), self._wake_read], [], [])
        if self._wake_read in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
        if self._control.fileno() not in readable:
            return True
        try:
            lines = self._control.recv(4096)
        except ConnectionError:
            return False
        for pid in lines.split():
            # Only our own, so that a number reused by the system is never hit.
            if int(pid) in self._slots:
                os.kill(int(pid), signal.SIGKILL)
        return bool(lines)

    def _replace_dead(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self._fork(self._slots.pop(pid), self._why_dead(status))

    def _why_dead(self, status: int) -> str:
        if not os.WIFSIGNALED(status):
            return "worker ended"
        if os.WTERMSIG(status) == signal.SIGPROF:
            return f"no result within {self._limits.timeout_s:g} s of processor time"
        return f"worker died of {signal.Signals(os.WTERMSIG(status)).name}"

    def _fork(self, slot: int, before: str) -> None:
        pid = os.fork()
        if pid:
            self._slots[pid] = slot
            return
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._control.close()
            code = _Worker(self._sockets[slot], self._limits).run(before)
        finally:
            os._exit(code)


class _Worker:
    def __init__(self, owner: socket.socket, limits: _Limits) -> None:
        self._owner = owner
        self._limits = limits
        self._peak_at_start = _peak_bytes()
        self._headroom = limits.memory_bytes - self._peak_at_start

    def run(self, before: str) -> int:
        """Answer requests until the owner leaves; the exit code."""
        self._drop_stale_requests()
        _lower_limit(resource.RLIMIT_AS, self._limits.memory_bytes)
        _lower_limit(resource.RLIMIT_CORE, 0)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        self._send({"pid": os.getpid(), "before": before})
        with self._owner.makefile("rb") as lines:
            for line in lines:
                request = json.loads(line)
                signal.setitimer(signal.ITIMER_PROF, self._limits.timeout_s)
                peak_before = _peak_bytes()
                comparison = compare(request["answer"], request["reference"])
                peak = _peak_bytes()
                swollen = peak - peak_before > self._headroom * _SWOLLEN
                if swollen and comparison.verdict == "different":
                    comparison = Comparison("unscored", "out of memory")
                leaving = swollen or peak - self._peak_at_start > self._headroom / 2
                self._send({"id": request["id"], **comparison._asdict(), "leaving": leaving})
                if leaving:
                    return _RECYCLE
        return 0

    def _drop_stale_requests(self) -> None:
        """Forget what was sent to a predecessor that was killed before it read it."""
        self._owner.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while self._owner.recv(65536):
                pass
        self._owner.setblocking(True)

    def _send(self, message: dict[str, Any]) -> None:
        self._owner.sendall(json.dumps(message).encode() + b"\n")


def compare(answer: str, reference: str) -> Comparison:
    """Compare with math-verify, without any time limit of its own; the reference goes first."""
    found = _compare(answer, reference, units=True)
    if found.verdict == "different" and (_UNIT_LETTER.search(answer + "\n" + reference)):
        # math-verify drops a last letter that is also a unit: 2t would be 2 tonnes, unlike t + t.
        return _compare(answer, reference, units=False)
    return found


def _compare(answer: str, reference: str, *, units: bool) -> Comparison:
    golds = _parsed(reference, units)
    if not golds:
        return Comparison("unscored", "reference is not readable as mathematics")
    targets = _parsed(answer, units)
    if not targets:
        return Comparison("different", "answer is not readable as mathematics")
    from math_verify import verify

    failure = ""
    for gold, target in product(golds, targets):
        try:
            if verify(gold, target, timeout_seconds=None, raise_on_error=True):
                return Comparison("equal", "")
        except Exception as error:  # noqa: BLE001 - sympy may raise anything on hostile input
            failure = f"math-verify failed: {type(error).__name__}"
    return Comparison("unscored", failure) if failure else Comparison("different", "")


@functools.lru_cache(maxsize=2048)
def _parsed(answer: str, units: bool) -> tuple[Any, ...]:  # noqa: FBT001 - lru_cache's key
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse

    latex = LatexExtractionConfig()
    if not units:
        kept = dataclasses.replace(latex.normalization_config, units=False)
        latex = dataclasses.replace(latex, normalization_config=kept)
    return tuple(parse(_as_math(answer), [latex, ExprExtractionConfig()], parsing_timeout=None))


def _as_math(answer: str) -> str:
    """Put a bare expression between dollar signs; leave prose and text with its own delimiters."""
    answer = " ".join(answer.split())
    if any(mark in answer.replace(r"\$", "") for mark in ("$", r"\boxed", r"\(", r"\[")):
        return answer
    if len(_PROSE.findall(answer)) >= 3 and " " in answer:
        return answer
    return "$" + answer.replace(r"\$", "") + "$"


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _lower_limit(kind: int, value: int) -> None:
    # A system that cannot enforce a limit (macOS: address space) still has the time limit.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    main(sys.argv[1:])
