"""An event loop in a thread of its own, for callers that have none."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_STOP_S = 5.0  # to end what is under way


class LoopThread:
    """The loop and its thread, which ends with the process at the latest."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(self.loop,), daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and wait for its result; from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a last coroutine and end the thread; twice is allowed."""
        if self.loop.is_closed():
            return
        if threading.current_thread() is self._thread:  # the garbage collector may run there
            ending = self.loop.create_task(last())
            ending.add_done_callback(lambda _: self.loop.stop())
            return
        stopping = asyncio.run_coroutine_threadsafe(last(), self.loop)
        with contextlib.suppress(TimeoutError):
            stopping.result(_STOP_S)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_STOP_S)
        if not self._thread.is_alive():
            self.loop.close()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    # not a method: the thread must not keep its owner alive
    asyncio.set_event_loop(loop)
    loop.run_forever()
