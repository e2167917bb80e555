"""A process that decodes for `crew`: `python -m prmkit.generators.hand FD`.

Messages are JSON. Owner to process: {"load": [directory, batch size]}, {"submit": [[ticket,
request], ...]}. Process to owner: {"model_id"} or {"model_error"} when loaded, {"done": [[ticket,
"completion" | "failure", reply], ...]} whenever something is. The end of the socket is the end.
"""

import contextlib
import gc
import json
import sys
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread
from typing import Any

from prmkit.errors import PrmkitError
from prmkit.generators.base import Collected, Completion, Generator, Request


class Worker:
    """Decodes one model after another for whoever holds the other end of a connection."""

    def __init__(self, connection: Connection, generator: Generator | None = None) -> None:
        self._connection = connection
        self._generator = generator
        self._n_open = 0
        self._orders: SimpleQueue[dict[str, Any] | None] = SimpleQueue()

    def work(self) -> None:
        """Serve until the other end is closed."""
        Thread(target=self._listen, daemon=True).start()
        while True:
            while not self._n_open or not self._orders.empty():
                order = self._orders.get()
                if order is None:
                    return
                self._obey(order)
            if self._generator is not None:
                done = self._generator.collect()
                self._n_open -= len(done)
                self._say({"done": [_written(row) for row in done]})

    def _listen(self) -> None:
        # a thread that always reads: else both ends could wait for room to write, for ever
        try:
            with contextlib.suppress(EOFError, OSError):
                while True:
                    self._orders.put(json.loads(self._connection.recv_bytes()))
        finally:
            self._orders.put(None)

    def _obey(self, message: dict[str, Any]) -> None:
        if "load" in message:
            self._say(self._load(*message["load"]))
            return
        for ticket, request in message["submit"]:
            if self._generator is not None:
                self._generator.submit(ticket, Request.model_validate_json(request))
                self._n_open += 1

    def _load(self, directory: str, batch_size: int) -> dict[str, str]:
        from prmkit.generators.hf_local import HfLocalGenerator

        self._generator, self._n_open = None, 0
        gc.collect()  # a model's modules refer to each other
        try:
            self._generator = HfLocalGenerator(directory, batch_size, device="cpu", threads=1)
        except PrmkitError as error:
            return {"model_error": str(error)}
        return {"model_id": self._generator.model_id}

    def _say(self, message: dict[str, Any]) -> None:
        self._connection.send_bytes(json.dumps(message).encode())


def _written(row: Collected) -> tuple[int, str, str]:
    kind = "completion" if isinstance(row.reply, Completion) else "failure"
    return row.ticket, kind, row.reply.model_dump_json()


def main() -> None:
    """Work for the socket that was handed down."""
    with contextlib.suppress(EOFError, ConnectionError):
        Worker(Connection(int(sys.argv[1]))).work()


if __name__ == "__main__":
    main()
