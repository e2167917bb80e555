"""Run many small conversations with a model at once, each written as straight-line code.

A task is a Python generator: it yields the requests that it needs now and receives their replies in
the same order; what it returns is its result. `drive` multiplexes any number of tasks over one
`Generator`, so that an annotator which stops early for one solution leaves no hole in the batch.
"""

import gc
from collections import deque
from collections.abc import Generator as PyGenerator
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from prmkit.generators.base import Collected, Completion, Generator, Reply, Request

T = TypeVar("T")
Task = PyGenerator[list[Request], list[Reply], T]

_COLLECT_EVERY = 10_000  # new objects, in place of CPython's 700


class Cache(Protocol):
    """Remembers paid replies by request key; `store.Journal` is one."""

    def replies(self, keys: list[str]) -> dict[str, Completion]:
        """The remembered completions among `keys`."""

    def remember(self, replies: dict[str, Completion]) -> None:
        """Keep these completions; called before a task sees them. Failures are never kept."""


class _Open(Generic[T]):
    """A task that waits for replies."""

    def __init__(self, index: int, task: Task[T]) -> None:
        self.index = index
        self.task = task
        self.replies: list[Reply | None] = []
        self.n_missing = 0


class Driver(Generic[T]):
    """Multiplexes tasks over one generator; see `drive`."""

    def __init__(self, generator: Generator, cache: Cache | None = None) -> None:
        self._generator = generator
        self._cache = cache
        self._tickets: dict[int, tuple[_Open[T], int, str]] = {}
        self._next_ticket = 0
        self._n_open = 0
        self._done: deque[tuple[int, T]] = deque()

    def run(self, tasks: Iterable[Task[T]], max_open: int) -> Iterator[tuple[int, T]]:
        """Yield (task index, result) as tasks finish; at most `max_open` tasks are open at once."""
        source = enumerate(tasks)
        with _rare_collections():
            while True:
                while self._n_open < max_open and (item := next(source, None)) is not None:
                    self._n_open += 1
                    self._advance(_Open(*item), None)
                    yield from self._finished()
                if not self._tickets:
                    return
                self._deliver(self._generator.collect())
                yield from self._finished()

    def _finished(self) -> Iterator[tuple[int, T]]:
        while self._done:
            self._n_open -= 1
            yield self._done.popleft()

    def _deliver(self, collected: list[Collected]) -> None:
        if self._cache is not None:
            paid = {self._tickets[c.ticket][2]: c.reply for c in collected}
            self._cache.remember({k: r for k, r in paid.items() if isinstance(r, Completion)})
        for ticket, reply in collected:
            opened, position, _ = self._tickets.pop(ticket)
            opened.replies[position] = reply
            opened.n_missing -= 1
            if opened.n_missing == 0:
                self._advance(opened, [r for r in opened.replies if r is not None])

    def _advance(self, opened: _Open[T], replies: list[Reply] | None) -> None:
        """Resume a task until it waits for the generator or ends."""
        while True:
            try:
                requests = next(opened.task) if replies is None else opened.task.send(replies)
            except StopIteration as stop:
                self._done.append((opened.index, stop.value))
                return
            self._ask(opened, requests)
            if opened.n_missing:
                return
            replies = [r for r in opened.replies if r is not None]

    def _ask(self, opened: _Open[T], requests: list[Request]) -> None:
        keys = [r.key(self._generator.model_id) for r in requests]
        known = self._cache.replies(keys) if self._cache is not None else {}
        opened.replies = [known.get(key) for key in keys]
        opened.n_missing = 0
        for position, (request, key) in enumerate(zip(requests, keys, strict=True)):
            if opened.replies[position] is None:
                self._tickets[self._next_ticket] = (opened, position, key)
                self._generator.submit(self._next_ticket, request)
                self._next_ticket += 1
                opened.n_missing += 1


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Search for cyclic garbage less often: requests leave little, and open tasks are many objects.

    With torch imported, the searches took a third of the time of all requests (docs/benchmarks.md).
    """
    youngest, *older = gc.get_threshold()
    if youngest:  # 0 = switched off
        gc.set_threshold(max(youngest, _COLLECT_EVERY), *older)
    try:
        yield
    finally:
        gc.set_threshold(youngest, *older)


def drive(
    tasks: Iterable[Task[T]],
    generator: Generator,
    cache: Cache | None = None,
    max_open: int = 1024,
) -> Iterator[tuple[int, T]]:
    """Run tasks over one generator.

    Args:
        tasks: Python generators that yield requests and receive replies; pulled lazily.
        generator: Where requests go.
        cache: Paid replies are looked up here first and kept here as soon as they arrive.
        max_open: Tasks in flight at once, at least 1; bounds memory, not the batch.

    Yields:
        (index of the task, its return value), in order of completion.
    """
    yield from Driver[T](generator, cache).run(tasks, max_open)
