"""One or more OpenAI-compatible servers of one model as a `Generator`.

`submit` queues requests, whose bytes are written many at a time and handed to the client; `collect`
waits for replies. Requests wait in an order in which a server finds most of a prompt in its cache
(`ordering`).
"""

import logging
import os
import weakref
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from prmkit.config import ModelConfig
from prmkit.errors import ConfigError, ModelError
from prmkit.generators.base import Collected, Failure, Request, beyond_context
from prmkit.generators.openai_api.client import Client, Job, Patience
from prmkit.generators.openai_api.dialect import takes_top_k
from prmkit.generators.openai_api.finding import ServerFinding
from prmkit.generators.openai_api.http import Access
from prmkit.generators.openai_api.probe import probe
from prmkit.generators.openai_api.prompts import Prompts
from prmkit.generators.openai_api.wire import Draw, Wire
from prmkit.generators.ordering import PromptOrder
from prmkit.generators.text_side import TextSide, load_text_side

_LOGGER = logging.getLogger(__name__)
_TOGETHER = 64  # requests written at a time: all cores encode, and Python's lock is free meanwhile
_SEED_WARNINGS = {
    "alone": "decides a draw only while no other request runs; max_in_flight: 1 repeats runs",
    "ignored": "does not decide a draw there; only the journal repeats a run",
}


class Checked(NamedTuple):
    """Servers that were found fit."""

    findings: tuple[ServerFinding, ...]
    """One a base URL, in the recipe's order."""
    side: TextSide | None
    """The model's tokenizer."""
    access: Access
    """How to talk to them."""


def check_servers(config: ModelConfig, tokenizer: str | Path | None) -> Checked:
    """Ask every server of a model what it does, before anything is paid for.

    Args:
        config: With at least one base URL.
        tokenizer: Directory or hub name of the model's tokenizer; None = chat only.

    Raises:
        ConfigError: the environment variable of the key is not set.
        ModelError: a server is not there, serves another model, has another tokenizer or too short
            a context, or the servers differ in what they take; one line.
    """
    access = Access(config.timeout_s, _key(config.api_key_env))
    side = None if tokenizer is None else load_text_side(tokenizer)
    is_sampled = config.sampling.temperature > 0
    findings = tuple(
        probe(url, config.model, side, access, is_sampled=is_sampled) for url in config.base_url
    )
    for found in findings:
        _check(found, config)
    first = findings[0]
    for other in findings[1:]:
        if _way(other) != _way(first):
            raise ModelError(
                f"{first.base_url} and {other.base_url} cannot be one pool: they take "
                f"{_way(first)} and {_way(other)}"
            )
    return Checked(findings, side, access)


class OpenAiGenerator:
    """Servers as a `Generator`; close it, or let go of it, to end its connections.

    Args:
        config: Model, servers, time-out and how many requests to have under way.
        checked: What `check_servers` found.
        patience: How attempts are repeated.
    """

    def __init__(
        self,
        config: ModelConfig,
        checked: Checked,
        patience: Patience = Patience(),  # noqa: B008  # immutable
    ) -> None:
        first, side = checked.findings[0], checked.side
        self._findings = checked.findings
        self._prompts = Prompts(side, first.mode, adds_special=first.adds_special)
        end_ids = frozenset() if side is None else side.text.end_ids
        is_checked = all(f.counts_prompt for f in checked.findings)
        self._wire = Wire(config.model, first.dialect, end_ids, is_checked=is_checked)
        contexts = [f.context for f in checked.findings if f.context is not None]
        self._context = min(contexts, default=None)
        self._model_id = _model_id(first, side)
        self._new: list[tuple[int, tuple[int, str, int], Request]] = []
        self._refused: list[Collected] = []
        self._order = PromptOrder()
        self._client = Client(config.base_url, checked.access, config.max_in_flight, patience)
        self.close = weakref.finalize(self, self._client.close)
        """Drop what is outstanding and close all connections; twice is allowed."""
        for found in checked.findings:
            if found.seed in _SEED_WARNINGS:
                _LOGGER.warning("%s: a seed %s", found.base_url, _SEED_WARNINGS[found.seed])

    @property
    def model_id(self) -> str:
        """The served model's name and origin, and a hash of tokenizer and template.

        Not the server's address or version: what was paid for stays paid for when a server moves.
        """
        return self._model_id

    @property
    def findings(self) -> Sequence[ServerFinding]:
        """What the start-up probe found, one a server: for the run's record."""
        return self._findings

    def submit(self, ticket: int, request: Request) -> None:
        """Queue a request; one that cannot be asked exactly, or is too long, is answered so.

        Raises:
            ModelError: the template refuses a request's messages; here or from `collect`.
        """
        self._new.append((ticket, self._order.of(ticket, request), request))
        if len(self._new) == _TOGETHER:  # the server works on these while further ones are made
            self._give()

    def collect(self) -> list[Collected]:
        """Wait for at least one reply; all that are there."""
        self._give()
        found: list[Collected] = []
        if self._refused:
            found, self._refused = self._refused, found
        elif self._order.n_open:
            found = self._client.take()
        for reply in found:
            self._order.done(reply.ticket)
        return found

    def _give(self) -> None:
        """Hand what is queued to the client."""
        new, self._new = self._new, []
        if not new:
            return
        self._prompts.encode_ahead([request for _, _, request in new])
        written = [self._write(*queued) for queued in new]
        self._refused += [found for found in written if isinstance(found, Collected)]
        self._client.give([found for found in written if isinstance(found, Job)])

    def _write(self, ticket: int, order: tuple[int, str, int], request: Request) -> Job | Collected:
        prompt = self._prompts.of(request)
        if isinstance(prompt, Failure):
            return Collected(ticket, prompt)
        if self._context is not None:
            failure = beyond_context(prompt.n_tokens or 0, request, self._context, "the server")
            if failure is not None:
                return Collected(ticket, failure)
        home = zlib.crc32(request.messages[-1].content.encode())
        body = self._wire.body(prompt, Draw(request.sampling, request.seed))
        asked = self._wire.asked(prompt, request.sampling)
        return Job(order, home, ticket, prompt.path, body, asked)


def _key(name: str | None) -> str | None:
    if name is None:
        return None
    key = os.environ.get(name)
    if not key:
        raise ConfigError(f"api_key_env: the environment variable {name} is not set")
    return key


def _check(found: ServerFinding, config: ModelConfig) -> None:
    wanted = config.sampling.max_new_tokens
    if found.context is not None and wanted >= found.context:
        raise ModelError(
            f"{found.base_url}: a context of {found.context} tokens has no room for "
            f"sampling.max_new_tokens = {wanted} and a prompt"
        )
    if config.sampling.top_k and not takes_top_k(found.dialect):
        raise ModelError(f"{found.base_url} takes no top_k; set sampling.top_k: 0")


def _way(found: ServerFinding) -> str:
    begin = ", adding a begin token" if found.adds_special else ""
    return f"{found.mode} in {found.dialect}'s words{begin}"


def _model_id(found: ServerFinding, side: TextSide | None) -> str:
    root = f"={found.root}" if found.root and found.root != found.model else ""
    return f"{found.model}{root}@{side.digest if side else 'unknown tokenizer'}/{found.kind}"
