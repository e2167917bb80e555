"""One small model decoded by several processes, a core each.

A small model's operations are too short to be shared out over cores one by one, and threads of one
interpreter wait for each other between them. So each core has an interpreter of its own with a copy
of the model, and requests are dealt out. Those of one conversation stay together while the load
allows it, because they share prefixes.

The processes are started once and load one model after another; they hold nothing that is not asked
for. They speak JSON over sockets, and end when their owner does, however suddenly. POSIX.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from prmkit.errors import ModelError, RunError
from prmkit.generators.base import Collected, Completion, Failure, Request

_SLACK = 0.125  # how much more than the least load a process may have and still get its own
_HAND = "prmkit.generators.hand"


class _Hand:
    """One process and what it has to do."""

    def __init__(self) -> None:
        near, far = socket.socketpair()
        self.process = subprocess.Popen(
            [sys.executable, "-m", _HAND, str(far.fileno())],
            pass_fds=[far.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the owner's to handle
            env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        )
        far.close()
        self.connection = Connection(near.detach())
        self.waiting: list[tuple[int, str]] = []
        self.n_open = 0

    def send(self, message: dict[str, Any]) -> None:
        """Tell it something.

        Raises:
            RunError: it is gone.
        """
        try:
            self.connection.send_bytes(json.dumps(message).encode())
        except (BrokenPipeError, ConnectionError):
            raise self._gone() from None

    def receive(self) -> dict[str, Any]:
        """Wait for what it says.

        Raises:
            RunError: it is gone.
        """
        try:
            message: dict[str, Any] = json.loads(self.connection.recv_bytes())
        except (EOFError, ConnectionError):
            raise self._gone() from None
        return message

    def flush(self) -> None:
        """Hand over the requests that wait."""
        if self.waiting:
            self.send({"submit": self.waiting})
            self.waiting = []

    def close(self) -> None:
        """Let it end."""
        self.connection.close()
        self.process.wait()

    def _gone(self) -> RunError:
        code = self.process.wait()
        why = "killed, perhaps for want of memory" if code == -9 else f"exit code {code}"
        return RunError(f"a decoding process ended: {why}; the run can be resumed")


class Crew:
    """Processes that are there, whatever model they decode now."""

    _kept: "Crew | None" = None  # one a process

    def __init__(self, n: int) -> None:
        self.hands = [_Hand() for _ in range(n)]
        self.owner: CrewGenerator | None = None

    @classmethod
    def of(cls, n: int) -> "Crew":
        """The crew of this process, of n; started when it is first wanted, or wanted otherwise."""
        if cls._kept is None or len(cls._kept.hands) != n or not cls._kept.is_whole:
            cls.dismiss()
            cls._kept = cls(n)
        return cls._kept

    @classmethod
    def dismiss(cls) -> None:
        """End the processes, if there are any."""
        if cls._kept is not None:
            for hand in cls._kept.hands:
                hand.close()
            cls._kept = None

    @property
    def is_whole(self) -> bool:
        """Whether every process is alive and has nothing left to do for anybody."""
        return all(hand.process.poll() is None and not hand.n_open for hand in self.hands)

    @property
    def is_kept(self) -> bool:
        """Whether this is still the crew of this process."""
        return Crew._kept is self

    def tell_all(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Tell every process, and wait for what each says."""
        for hand in self.hands:
            hand.send(message)
        return [hand.receive() for hand in self.hands]


class CrewGenerator:
    """A model directory, decoded by a crew; a `Generator`.

    One works at a time: a crew decodes the model that was asked for last.

    Args:
        directory: As for `HfLocalGenerator`.
        batch_size: The most completions decoded at once, by all processes together.
        n: Processes, at least 1.

    Raises:
        ModelError: the directory cannot be used.
    """

    def __init__(self, directory: Path, batch_size: int, n: int) -> None:
        self._directory, self._size, self._n = directory, -(-batch_size // n), n
        self._model_id = self._load()
        self._place: dict[int, tuple[_Hand, str]] = {}
        self._homes: dict[str, tuple[_Hand, int]] = {}

    @property
    def model_id(self) -> str:
        """As of `HfLocalGenerator`; the number of processes has no part in it."""
        return self._model_id

    def submit(self, ticket: int, request: Request) -> None:
        """Deal out a request; it is handed over with the next `collect`."""
        self._on_duty()
        talk = json.dumps([[m.role, m.content] for m in request.messages])
        hand = self._choose(talk)
        self._place[ticket] = (hand, talk)
        self._homes[talk] = (hand, self._homes.get(talk, (hand, 0))[1] + 1)
        hand.n_open += 1
        hand.waiting.append((ticket, request.model_dump_json()))

    def collect(self) -> list[Collected]:
        """Wait until at least one completion is done.

        Raises:
            RunError: a process ended.
        """
        hands = {hand.connection: hand for hand in self._crew.hands}
        for hand in hands.values():
            hand.flush()
        if not self._place:
            return []
        done: list[Collected] = []
        while not done:
            for ready in wait(list(hands)):
                done += self._received(hands[ready]) if isinstance(ready, Connection) else []
        return done

    def _received(self, hand: _Hand) -> Iterable[Collected]:
        for ticket, kind, text in hand.receive()["done"]:
            self._leave(*self._place.pop(ticket))
            reply = Completion if kind == "completion" else Failure
            yield Collected(ticket, reply.model_validate_json(text))

    def _leave(self, hand: _Hand, talk: str) -> None:
        hand.n_open -= 1
        home, n = self._homes[talk]
        if n == 1:
            del self._homes[talk]
        else:
            self._homes[talk] = (home, n - 1)

    def _choose(self, talk: str) -> _Hand:
        """The process that has the conversation, unless another has much less to do."""
        least = min(self._crew.hands, key=lambda hand: hand.n_open)
        home = self._homes.get(talk)
        if home is None:
            return least
        return home[0] if home[0].n_open <= least.n_open + 1 + _SLACK * self._size else least

    def _on_duty(self) -> None:
        """Load the model again where the crew was given another since."""
        if self._crew.owner is not self or not self._crew.is_kept:
            self._load()

    def _load(self) -> str:
        self._crew = Crew.of(self._n)
        self._crew.owner = self
        for said in self._crew.tell_all({"load": [str(self._directory), self._size]}):
            if "model_error" in said:
                raise ModelError(said["model_error"])
        return str(said["model_id"])
