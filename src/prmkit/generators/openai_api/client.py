"""Requests over HTTP, hundreds at once, behind two synchronous calls: `give` and `take`.

One event loop in a thread of its own. Requests wait in order of their `order`, so that those with
a common prefix follow each other and hit the server's prefix cache; at most `max_in_flight` are
under way. An attempt that gave nothing is repeated after a jittered pause that doubles, or as long
as the server asks for, up to bounds; then it is a failure.
"""

import asyncio
import heapq
import queue
import random
from collections.abc import Sequence
from typing import NamedTuple

from prmkit.generators.base import Collected, Failure, Reply
from prmkit.generators.openai_api.event_loop import LoopThread
from prmkit.generators.openai_api.http import Access, Lost, Unreachable, open_session
from prmkit.generators.openai_api.pool import Pool, Server
from prmkit.generators.openai_api.replies import Again, Asked, read_reply, shown


class Patience(NamedTuple):
    """How often and how fast an attempt is repeated."""

    tries: int = 12
    """Attempts at most: with the pauses below, about two minutes."""
    timeouts: int = 4
    """Attempts that may run into the time-out: each one held the server for that long."""
    first_s: float = 0.25
    """Pause before the second attempt; doubled for each one after it."""
    longest_s: float = 30.0
    """No pause is longer, whether by doubling or because the server asks for it."""

    def pause_s(self, n_tried: int, asked_s: float | None) -> float:
        """The pause after `n_tried` attempts, jittered so that requests do not return in step."""
        if asked_s is not None:
            return min(asked_s, self.longest_s) + random.uniform(0.0, self.first_s)
        whole_s = min(self.longest_s, self.first_s * 2.0 ** (n_tried - 1))
        return whole_s * random.uniform(0.5, 1.0)


class Job(NamedTuple):
    """A request as it is sent."""

    order: tuple[int, str, int]
    """What is sent first; all different."""
    home: int
    """The same for requests whose prompts start alike; see `Pool.choose`."""
    ticket: int
    """The caller's number for it."""
    path: str
    """Below the base URL."""
    body: bytes
    """JSON."""
    asked: Asked
    """For reading the reply."""


class Client:
    """The thread, the queue and the pool.

    Args:
        base_urls: Servers of the same model.
        access: Time-out and key.
        max_in_flight: Requests under way at once, over all servers.
        patience: How attempts are repeated.
    """

    def __init__(
        self,
        base_urls: Sequence[str],
        access: Access,
        max_in_flight: int = 256,
        patience: Patience = Patience(),  # noqa: B008  # immutable
    ) -> None:
        self._pool = Pool(base_urls)
        self._access = access
        self._most = max_in_flight
        self._patience = patience
        self._waiting: list[Job] = []
        self._under_way: set[asyncio.Task[None]] = set()  # one request at a time each
        self._finished: list[Collected] = []
        self._out: queue.SimpleQueue[list[Collected] | BaseException] = queue.SimpleQueue()
        self._thread = LoopThread()
        self._loop = self._thread.loop
        self._session = self._thread.call(open_session(access))

    def give(self, jobs: list[Job]) -> None:
        """Queue requests; returns at once."""
        self._loop.call_soon_threadsafe(self._accept, jobs)

    def take(self) -> list[Collected]:
        """Wait for at least one reply; all that are there. Blocks if nothing was given."""
        found = self._got(self._out.get())
        while not self._out.empty():
            found += self._got(self._out.get())
        return found

    def close(self) -> None:
        """Drop what is under way and close all connections; twice is allowed."""
        self._thread.close(self._stop)

    def _got(self, item: list[Collected] | BaseException) -> list[Collected]:
        if isinstance(item, BaseException):
            raise item
        return item

    def _accept(self, jobs: list[Job]) -> None:
        for job in jobs:
            heapq.heappush(self._waiting, job)
        self._pump()

    def _pump(self) -> None:
        n_new = min(len(self._waiting), self._most - len(self._under_way))
        for _ in range(n_new):
            task = self._loop.create_task(self._serve_all())
            self._under_way.add(task)
            task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:  # a bug here must end `take`, not hang it
            self._out.put(error)
        self._pump()

    async def _serve_all(self) -> None:
        while self._waiting:
            await self._serve(heapq.heappop(self._waiting))

    def _deliver(self, ticket: int, reply: Reply) -> None:
        # replies of one turn of the loop go over together: waking the other thread costs more
        # than most of what is done for a reply
        if not self._finished:
            self._loop.call_soon(self._flush)
        self._finished.append(Collected(ticket, reply))

    def _flush(self) -> None:
        done, self._finished = self._finished, []
        self._out.put(done)

    async def _serve(self, job: Job) -> None:
        """Try until there is an answer or patience ends."""
        n_timeouts, server = 0, None
        for n_tried in range(1, self._patience.tries + 1):
            server = self._pool.choose(job.home, self._loop.time(), server)
            found = await self._try(server, job)
            if not isinstance(found, Again):
                self._deliver(job.ticket, found)
                return
            n_timeouts += found.kind == "timeout"
            if n_tried == self._patience.tries or n_timeouts == self._patience.timeouts:
                message = f"{found.message}; {n_tried} attempts at {server.base_url}"
                self._deliver(job.ticket, Failure(kind=found.kind, message=message))
                return
            await self._pause(server, found, n_tried)

    async def _try(self, server: Server, job: Job) -> Reply | Again:
        """One attempt, at most `timeout_s` long."""
        server.n_under_way += 1
        try:
            answer = await self._session.ask("POST", f"{server.base_url}{job.path}", job.body)
        except (TimeoutError, Unreachable, Lost) as error:
            return self._gave_up(server, error)
        finally:
            server.n_under_way -= 1
        server.n_left = 0
        return read_reply(answer, job.asked)

    def _gave_up(self, server: Server, error: Exception) -> Again:
        if isinstance(error, Unreachable):
            self._pool.leave(server, self._loop.time())
            return Again("unreachable", f"no connection: {shown(str(error))}")
        if isinstance(error, TimeoutError):
            return Again("timeout", f"no answer within {self._access.timeout_s:g} s")
        return Again("server", f"connection lost: {shown(str(error))}")

    async def _pause(self, server: Server, found: Again, n_tried: int) -> None:
        now = self._loop.time()
        pause_s = self._patience.pause_s(n_tried, found.after_s)
        if found.after_s is not None:
            server.rests_until = max(server.rests_until, now + pause_s)
        if server.rests_until > now and self._pool.has_other(server, now):
            return
        await asyncio.sleep(pause_s)

    async def _stop(self) -> None:
        self._waiting.clear()
        under_way = list(self._under_way)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await self._session.close()
