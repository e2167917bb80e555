"""Prompts that continue a prefix exactly, in the way that the server was found to take.

* `ids`: the chat is rendered with the model's template here, encoded here, and sent as token ids.
* `text`: the rendered text is sent. A server that adds a begin token gets the text without it, and
  only if encoding that text, with the token added, gives the same ids; else the row is refused.
* `chat`: the messages and the open turn, with `continue_final_message` and no generation prompt.
* `chat_whole`: the messages; a request with a prefix is refused.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from prmkit.generators.base import Failure, Message, Request
from prmkit.generators.openai_api.finding import Mode
from prmkit.generators.text_side import TextSide

_REMEMBERED = 4096  # as many as `ChatText` remembers: the draws of a prefix ask for the same one


class Prompt(NamedTuple):
    """The part of a request that the model reads."""

    path: str
    """Below the base URL."""
    fields: str
    """The JSON of the request's fields for it, without braces."""
    n_tokens: int | None
    """How many tokens it is; None without a tokenizer."""


class Prompts:
    """Writes prompts for one model.

    Args:
        side: The model's tokenizer; needed by `ids` and `text`.
        mode: How prefixes are continued.
        adds_special: Whether the server adds a begin token to text.
    """

    def __init__(self, side: TextSide | None, mode: Mode, *, adds_special: bool = False) -> None:
        if side is None and mode in ("ids", "text"):
            raise ValueError(f"mode {mode} needs a tokenizer")
        self._side = side
        self._mode = mode
        self._adds_special = adds_special
        self._written = lru_cache(_REMEMBERED)(self._write)

    def encode_ahead(self, requests: Sequence[Request]) -> None:
        """Encode the prompts of several requests together, which is faster, for `of` to find.

        Raises:
            ModelError: the template refuses a request's messages.
        """
        if self._side is not None:
            self._side.text.encode_ahead(requests)

    def of(self, request: Request) -> Prompt | Failure:
        """The prompt of a request.

        Raises:
            ModelError: the template refuses these messages.
        """
        return self._written(request.messages, request.prefix)

    def _write(self, messages: tuple[Message, ...], prefix: str) -> Prompt | Failure:
        request = Request(messages=messages, prefix=prefix, seed=0)
        ids = None if self._side is None else self._side.text.encode(request)
        if self._mode == "ids":
            return Prompt("/completions", _fields(prompt=ids), len(ids or ()))
        if self._mode == "text":
            return self._text(request, ids or ())
        if self._mode == "chat_whole" and prefix:
            return Failure(kind="refused", message="this server cannot continue a prefix exactly")
        return Prompt("/chat/completions", _chat(request), None if ids is None else len(ids))

    def _text(self, request: Request, ids: tuple[int, ...]) -> Prompt | Failure:
        side = self._side
        text = "" if side is None else side.text.render(request)
        if side is not None and self._adds_special:
            text = text.removeprefix(side.tokenizer.bos_token or "")
            if tuple(side.tokenizer(text)["input_ids"]) != ids:
                message = "the server adds special tokens that this prompt must not have"
                return Failure(kind="inexact", message=message)
        return Prompt("/completions", _fields(prompt=text), len(ids))


def _chat(request: Request) -> str:
    messages: list[dict[str, str]] = [m.model_dump() for m in request.messages]
    if not request.prefix:
        return _fields(messages=messages)
    messages.append({"role": "assistant", "content": request.prefix})
    return _fields(messages=messages, continue_final_message=True, add_generation_prompt=False)


def _fields(**fields: Any) -> str:
    return json.dumps(fields, separators=(",", ":"))[1:-1]
