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
from itertools import islice
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
        self.n_missing = 0
        self._replies: list[Reply | None] = []
        self._is_new = True

    def resume(self) -> list[Request]:
        """What it asks for next.

        Raises:
            StopIteration: it ended; the value is its result.
        """
        if self._is_new:
            self._is_new = False
            return next(self.task)
        return self.task.send([r for r in self._replies if r is not None])

    def wait(self, replies: list[Reply | None]) -> None:
        """Replies that are known, and None for those to come."""
        self._replies = replies
        self.n_missing = replies.count(None)

    def take(self, position: int, reply: Reply) -> bool:
        """Whether this was the last reply that it waits for."""
        self._replies[position] = reply
        self.n_missing -= 1
        return not self.n_missing


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
                while new := [_Open(*item) for item in islice(source, max_open - self._n_open)]:
                    self._n_open += len(new)
                    self._advance(new)
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
        ready = []
        for ticket, reply in collected:
            opened, position, _ = self._tickets.pop(ticket)
            if opened.take(position, reply):
                ready.append(opened)
        self._advance(ready)

    def _advance(self, ready: list[_Open[T]]) -> None:
        """Resume tasks until each waits for the generator or has ended."""
        while ready:
            asking: list[tuple[_Open[T], list[Request]]] = []
            for opened in ready:
                try:
                    asking.append((opened, opened.resume()))
                except StopIteration as stop:
                    self._done.append((opened.index, stop.value))
            self._ask(asking)
            ready = [opened for opened, _ in asking if not opened.n_missing]

    def _ask(self, asking: list[tuple[_Open[T], list[Request]]]) -> None:
        """Look all requests up together, and submit those without a reply."""
        model_id = self._generator.model_id
        keyed = [[(r, r.key(model_id)) for r in requests] for _, requests in asking]
        keys = [key for requests in keyed for _, key in requests]
        known = self._cache.replies(keys) if self._cache is not None and keys else {}
        for (opened, _), requests in zip(asking, keyed, strict=True):
            opened.wait([known.get(key) for _, key in requests])
            for position, (request, key) in enumerate(requests):
                if key not in known:
                    self._tickets[self._next_ticket] = (opened, position, key)
                    self._generator.submit(self._next_ticket, request)
                    self._next_ticket += 1


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
