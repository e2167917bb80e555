"""Trainings of small models side by side, each in a process of its own that computes on one core.

A small model's operations are too short to be shared out over cores; whole trainings are not. With
one core each, the weights do not depend on how many cores a machine has.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

import prmkit.errors
from prmkit.config import TrainingConfig
from prmkit.errors import PrmkitError, RunError
from prmkit.records import LabelledSolution

_ALONE = "prmkit.training.alone"


class Training(NamedTuple):
    """One training to do; see `trainer.train_prm`."""

    name: str
    examples: Sequence[LabelledSolution]
    validation: Sequence[LabelledSolution]
    config: TrainingConfig
    out: Path
    seed: int


def train_apart(
    trainings: Sequence[Training],
    n: int,
    on_progress: Callable[[str, int, int], None],
    around: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Do trainings, n at once; unfinished ones of before are gone on with.

    Args:
        trainings: What to do; each `out` must not exist.
        n: Processes at once, at least 1.
        on_progress: Told (name, updates done, updates in all), from other threads.
        around: Makes a context that a training is done in, by its name.

    Raises:
        PrmkitError: as `train_prm`; the others are ended.
        RunError: a process ended without saying why.
    """
    crowd = _Crowd(on_progress, around)
    with ThreadPoolExecutor(n) as pool:
        futures = [pool.submit(crowd.do, training) for training in trainings]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            crowd.end()
            raise


class _Crowd:
    """The processes that are there now."""

    def __init__(
        self,
        on_progress: Callable[[str, int, int], None],
        around: Callable[[str], AbstractContextManager[object]],
    ) -> None:
        self._on_progress, self._around = on_progress, around
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[str]] = []
        self._is_over = False

    def end(self) -> None:
        """Kill what runs, and start nothing any more."""
        with self._lock:
            self._is_over = True
            for process in self._processes:
                process.kill()

    def do(self, training: Training) -> None:
        """Train in a process of its own, and wait for it."""
        with self._around(training.name):
            process = self._started()
            if process is None:
                return
            with process:
                said = _talk(process, training, self._on_progress)
        if "done" not in said and not self._is_over:
            raise _error(said, training.name, process.returncode)

    def _started(self) -> "subprocess.Popen[str] | None":
        with self._lock:
            if self._is_over:
                return None
            self._processes.append(_start())
            return self._processes[-1]


def _start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", _ALONE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C is the owner's to handle
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    )


def _talk(
    process: subprocess.Popen[str], training: Training, on_progress: Callable[[str, int, int], None]
) -> dict[str, str]:
    """Hand the work over and pass progress on; the last thing that the process says."""
    if process.stdin is None or process.stdout is None:
        raise RunError("a training process has no pipes")
    try:
        process.stdin.write(_order(training))
        process.stdin.close()
    except BrokenPipeError:
        return {}
    last: dict[str, str] = {}
    for line in process.stdout:
        last = json.loads(line)
        if "update" in last:
            on_progress(training.name, int(last["update"]), int(last["of"]))
    return last


def _order(training: Training) -> str:
    return json.dumps(
        {
            "examples": [row.model_dump(mode="json") for row in training.examples],
            "validation": [row.model_dump(mode="json") for row in training.validation],
            "config": training.config.model_dump(mode="json"),
            "out": str(training.out),
            "seed": training.seed,
        }
    )


def _error(said: dict[str, str], name: str, code: int) -> PrmkitError:
    kind = getattr(prmkit.errors, said.get("error", ""), None)
    if isinstance(kind, type) and issubclass(kind, PrmkitError):
        return kind(said["message"])
    return RunError(f"training of {name} ended with exit code {code}; the run can be resumed")
