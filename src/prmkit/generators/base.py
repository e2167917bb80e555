"""The one seam between stages and models: requests in, replies out, failures as values.

A stage submits requests and collects replies as they finish; which model, batch or server stands
behind is not its business. A `Generator` keeps its batch full from whatever is outstanding, so a
stage that decides its next request from the last reply costs no idle hardware.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from pydantic import Field

from prmkit.records import Record, Usage


class Message(Record):
    """One chat turn."""

    role: Literal["system", "user", "assistant"]
    """Who speaks."""
    content: str
    """What is said."""


class Sampling(Record):
    """How tokens are drawn."""

    temperature: float = Field(1.0, ge=0.0)
    """0 = greedy."""
    top_p: float = Field(1.0, gt=0.0, le=1.0)
    """Nucleus: the smallest set of tokens with at least this mass."""
    top_k: int = Field(0, ge=0)
    """Only the k likeliest tokens; 0 = all."""
    max_new_tokens: int = Field(512, ge=1)
    """A completion that reaches this ends with finish reason `length`."""
    stop: tuple[str, ...] = ()
    """Texts that end a completion; the stop text itself is not part of the completion."""


class Request(Record):
    """One completion to draw."""

    messages: tuple[Message, ...] = Field(min_length=1)
    """The chat so far, ending with a user turn."""
    prefix: str = ""
    """Text of the open assistant turn that the completion continues exactly."""
    seed: int = Field(ge=0)
    """Seed of this draw alone (see `prmkit.seeds`)."""
    sampling: Sampling = Sampling()
    """How tokens are drawn."""

    def key(self, model_id: str) -> str:
        """Content hash of everything that decides the completion; the journal's key."""
        return hashlib.sha256(f"{model_id}\n{self.model_dump_json()}".encode()).hexdigest()


class Completion(Record):
    """What a model wrote."""

    text: str
    """The completion without prefix, stop text and end token."""
    token_ids: tuple[int, ...] = ()
    """Ids of the completion, where the backend gives them."""
    finish_reason: Literal["stop", "length"]
    """`stop`: an end token or stop text; `length`: cut off, unfinished."""
    usage: Usage
    """Tokens of this call."""


class Failure(Record):
    """A call that gave no completion; never a score."""

    kind: str
    """Short word: too_long, timeout, server, refused, malformed, ..."""
    message: str
    """What happened, one line."""


Reply = Completion | Failure


class Collected(NamedTuple):
    """A reply and the ticket that its request was submitted under."""

    ticket: int
    reply: Reply


class Generator(Protocol):
    """A model that completes requests, many at a time."""

    @property
    def model_id(self) -> str:
        """Name and content of the model; completions of two models never share a journal key."""

    def submit(self, ticket: int, request: Request) -> None:
        """Queue a request. `ticket` is the caller's number for it, unique while outstanding."""

    def collect(self) -> list[Collected]:
        """Work until at least one outstanding request is done; all done ones, in any order.

        Returns an empty list only if nothing is outstanding.
        """


def beyond_context(n_prompt: int, request: Request, context: int, who: str) -> Failure | None:
    """The failure of a request that cannot fit a model's context; None if it fits.

    Args:
        n_prompt: Tokens of the prompt.
        request: The request.
        context: The most tokens of prompt and completion together.
        who: Whose context it is, e.g. `the server`.
    """
    asked = request.sampling.max_new_tokens
    if n_prompt + asked <= context:
        return None
    message = (
        f"a prompt of {n_prompt} tokens and max_new_tokens = {asked}; {who} takes {context} in all"
    )
    return Failure(kind="too_long", message=message)


def generate(generator: Generator, requests: Sequence[Request]) -> list[Reply]:
    """Complete all requests; replies in request order."""
    for ticket, request in enumerate(requests):
        generator.submit(ticket, request)
    replies: dict[int, Reply] = {}
    while len(replies) < len(requests):
        replies.update((c.ticket, c.reply) for c in generator.collect())
    return [replies[ticket] for ticket in range(len(requests))]
