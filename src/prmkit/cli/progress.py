"""Progress of a run on stderr: a live bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_LINE_EVERY_S = 20.0


class LiveProgress:
    """Shows each stage's share done, throughput and time left."""

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._console = Console(file=stream or sys.stderr, highlight=False)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._stage, self._unit, self._total = "", "", 0
        self._done, self._tokens = 0, 0
        self._started = self._said = 0.0

    def begin(self, stage: str, total: int, unit: str) -> None:
        """A stage starts."""
        self._stage, self._unit, self._total = stage, unit, total
        self._done = self._tokens = 0
        self._started = self._said = self._clock()
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description:<22}"),
                BarColumn(bar_width=24),
                TextColumn("{task.completed:>6.0f}/{task.total:.0f} {task.fields[unit]}"),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(stage, total=total, unit=unit, rate="")

    def resize(self, total: int) -> None:
        """The stage has another amount of work."""
        self._total = total
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=total)

    def advance(self, n: int, tokens: int = 0) -> None:
        """Work was done."""
        self._done += n
        self._tokens += tokens
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=n, rate=self._rate())
        elif self._clock() - self._said > _LINE_EVERY_S:
            self._said = self._clock()
            self._console.print(f"  {self._stage}: {self._done}/{self._total} {self._left()}")

    def end(self, summary: str) -> None:
        """The stage is done."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        seconds = self._clock() - self._started
        rate = f"  {self._rate()}" if self._tokens else ""
        self._console.print(f"[green]done[/] {self._stage:<22} {seconds:6.1f} s  {summary}{rate}")

    def _rate(self) -> str:
        seconds = max(self._clock() - self._started, 1e-6)
        return f"{self._tokens / seconds:,.0f} tokens/s" if self._tokens else ""

    def _left(self) -> str:
        said = [self._unit]
        if self._tokens:
            said.append(self._rate())
        if self._done:
            seconds = self._clock() - self._started
            said.append(f"about {seconds * (self._total - self._done) / self._done:.0f} s left")
        return ", ".join(said)
