"""Claims about the loop of a decoding process."""

import json
import socket
import threading
from multiprocessing.connection import Connection

from prmkit.generators.base import Collected, Failure, Message, Request
from prmkit.generators.hand import Worker


class Talkative:
    """A generator whose replies fill a socket."""

    model_id = "talkative"

    def __init__(self) -> None:
        self._waiting: list[int] = []

    def submit(self, ticket: int, _: Request) -> None:
        self._waiting.append(ticket)

    def collect(self) -> list[Collected]:
        done, self._waiting = self._waiting[:8], self._waiting[8:]
        return [Collected(t, Failure(kind="too_long", message="x" * 2000)) for t in done]


def order(tickets: range) -> bytes:
    request = Request(messages=(Message(role="user", content="Why? " * 200),), seed=1)
    return json.dumps({"submit": [[t, request.model_dump_json()] for t in tickets]}).encode()


def test_an_owner_that_sends_before_it_reads_is_never_stuck() -> None:
    near, far = (Connection(end.detach()) for end in socket.socketpair())
    threading.Thread(target=Worker(far, Talkative()).work, daemon=True).start()
    near.send_bytes(order(range(600)))  # replies of 1.2 MB, which nobody reads
    sending = threading.Thread(target=near.send_bytes, args=(order(range(600, 900)),), daemon=True)
    sending.start()
    sending.join(20)
    assert not sending.is_alive()
    got = 0
    while got < 900:
        got += len(json.loads(near.recv_bytes())["done"])
    near.close()


def test_orders_without_a_model_are_let_be_and_the_next_are_obeyed() -> None:
    near, far = (Connection(end.detach()) for end in socket.socketpair())
    working = threading.Thread(target=Worker(far).work, daemon=True)
    working.start()
    near.send_bytes(order(range(2)))
    near.send_bytes(json.dumps({"load": ["/none", 1]}).encode())
    assert "model_error" in json.loads(near.recv_bytes())
    near.close()
    working.join(20)
    assert not working.is_alive()
