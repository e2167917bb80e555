"""The fake model that ships: replays texts, fails on demand, and releases replies as told.

It is the seam for tests and for dry runs of everything above the generators: no weights, no chance
beyond the request's seed, whitespace words for tokens.
"""

import random
from collections.abc import Callable, Mapping, Sequence

from prmkit.generators.base import Collected, Completion, Failure, Reply, Request
from prmkit.records import Usage

Line = str | Failure | Sequence[str | Failure]
"""One answer, or several that the request's seed chooses among (index seed modulo their number)."""
Script = Callable[[Request], str | Failure] | Mapping[str, Line]
"""A function of the request, or a table from the last user message to a line."""


class ScriptedGenerator:
    """A `Generator` that replies by a script.

    A table has the last message's text for its keys; the empty key answers all others. Stop texts
    and `max_new_tokens` (in words) are obeyed as a model would.

    Args:
        script: What to reply.
        release: Replies given by one `collect`; None = all outstanding.
        shuffle_seed: None = replies in submission order; else in an order drawn with this seed.
        model_id: The model's name.
    """

    def __init__(
        self,
        script: Script,
        release: int | None = None,
        shuffle_seed: int | None = None,
        model_id: str = "scripted",
    ) -> None:
        if release is not None and release < 1:
            raise ValueError(f"release = {release}; allowed: at least 1, or None")
        self._script = script
        self._release = release
        self._chance = None if shuffle_seed is None else random.Random(shuffle_seed)
        self._model_id = model_id
        self._outstanding: dict[int, Request] = {}
        self.requests: list[Request] = []
        """Every request ever submitted, in order."""
        self.n_most_outstanding = 0
        """The most requests that were outstanding at once."""

    @property
    def model_id(self) -> str:
        """The name given to it."""
        return self._model_id

    def submit(self, ticket: int, request: Request) -> None:
        """Queue a request.

        Raises:
            ValueError: the ticket is already outstanding.
        """
        if ticket in self._outstanding:
            raise ValueError(f"ticket {ticket} is already outstanding")
        self._outstanding[ticket] = request
        self.requests.append(request)
        self.n_most_outstanding = max(self.n_most_outstanding, len(self._outstanding))

    def collect(self) -> list[Collected]:
        """Reply to some or all outstanding requests, as `release` and `shuffle_seed` say."""
        tickets = list(self._outstanding)
        if self._chance is not None:
            self._chance.shuffle(tickets)
        return [
            Collected(ticket, self._reply(self._outstanding.pop(ticket)))
            for ticket in tickets[: self._release]
        ]

    def _reply(self, request: Request) -> Reply:
        line = self._line(request)
        if isinstance(line, Failure):
            return line
        return _completion(line, request)

    def _line(self, request: Request) -> str | Failure:
        if callable(self._script):
            return self._script(request)
        question = request.messages[-1].content
        line = self._script.get(question, self._script.get(""))
        if line is None:
            return Failure(kind="malformed", message=f"no line for {question!r}")
        if isinstance(line, str | Failure):
            return line
        return line[request.seed % len(line)]


def _completion(text: str, request: Request) -> Completion:
    """The text as a model would have written it under the request's limits."""
    ends = [at for at in (text.find(stop) for stop in request.sampling.stop) if at >= 0]
    text = text[: min(ends)] if ends else text
    words = text.split()
    limit = request.sampling.max_new_tokens
    cut = len(words) > limit
    prompt = sum(len(m.content.split()) for m in request.messages) + len(request.prefix.split())
    return Completion(
        text=" ".join(words[:limit]) if cut else text,
        finish_reason="length" if cut else "stop",
        usage=Usage(n_calls=1, prompt_tokens=prompt, generated_tokens=limit if cut else len(words)),
    )
