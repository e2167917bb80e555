"""In which order requests wait, so that an engine finds most of a prompt in its prefix cache.

The problem submitted first comes first, and under it prefixes that start with each other are
neighbours: problem, solution, step.
"""

from itertools import count

from prmkit.generators.base import Message, Request


class PromptOrder:
    """Hands out sort keys, and forgets a problem when no request of it is outstanding."""

    def __init__(self) -> None:
        self._number = count()
        self._groups: dict[tuple[Message, ...], int] = {}
        self._open: dict[int, tuple[Message, ...]] = {}
        self._n_open: dict[tuple[Message, ...], int] = {}

    @property
    def n_open(self) -> int:
        """Requests that were given a key and are not done."""
        return len(self._open)

    def of(self, ticket: int, request: Request) -> tuple[int, str, int]:
        """The key of a request; all keys are different."""
        messages = request.messages
        self._open[ticket] = messages
        self._n_open[messages] = self._n_open.get(messages, 0) + 1
        group = self._groups.setdefault(messages, next(self._number))
        return group, request.prefix, next(self._number)

    def done(self, ticket: int) -> None:
        """The request with this ticket is answered."""
        messages = self._open.pop(ticket)
        self._n_open[messages] -= 1
        if not self._n_open[messages]:
            del self._n_open[messages], self._groups[messages]
