"""From an HTTP answer to a completion, a failure, or the wish to try again.

A completion counts only when it arrived whole: status 200, JSON, one choice with text and a known
finish reason. Anything less that could be the network's or an overloaded server's doing is tried
again; a request that the server understood and refused is a failure with the server's words.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from prmkit.generators.base import Completion, Failure
from prmkit.generators.chat_text import cut_at_stop
from prmkit.records import Usage

_AGAIN = frozenset({408, 409, 425, 429})  # besides every 5xx
_LONGEST_MESSAGE = 300


class Again(NamedTuple):
    """An attempt that gave nothing and may be repeated."""

    kind: str
    """The kind of the failure, should it never succeed."""
    message: str
    """What happened, one line."""
    after_s: float | None = None
    """How long the server asked to wait."""


class Asked(NamedTuple):
    """What must be known of a request to read its reply."""

    stop: tuple[str, ...]
    """Stop texts, cut off here where a server leaves them."""
    n_prompt: int | None
    """Prompt tokens that we counted; None where nobody can tell."""
    is_checked: bool
    """Whether the server must have counted as many."""
    end_ids: frozenset[int] = frozenset()
    """Tokens that end a completion and are no part of it."""


class HttpReply(NamedTuple):
    """An HTTP answer, received whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def read_reply(reply: HttpReply, asked: Asked) -> Completion | Failure | Again:
    """What an answer to a completion request is worth."""
    if reply.status in _AGAIN or reply.status >= 500:
        after_s = retry_after(reply.headers.get("retry-after"))
        return Again("server", f"HTTP {reply.status}: {server_words(reply.content)}", after_s)
    if reply.status != 200:
        words = server_words(reply.content)
        return Failure(kind="refused", message=f"HTTP {reply.status}: {words}")
    found = read_json(reply)
    return found if isinstance(found, Again) else _read_body(found, asked)


def read_json(reply: HttpReply) -> dict[str, Any] | Again:
    """The JSON object in an answer."""
    content_type = reply.headers.get("content-type", "")
    if not content_type.startswith("application/json"):
        return Again("malformed", f"content type {shown(content_type)}, not application/json")
    try:
        body = json.loads(reply.content)
    except (ValueError, RecursionError) as error:
        return Again("malformed", f"not JSON: {shown(str(error))}")
    if not isinstance(body, dict):
        return Again("malformed", f"a JSON {type(body).__name__}, not an object")
    return body


def _read_body(body: dict[str, Any], asked: Asked) -> Completion | Failure | Again:
    choices = body.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return Again("malformed", f"not one choice: {shown(json.dumps(choices))}")
    choice = choices[0]
    text, reason = _text(choice), choice.get("finish_reason")
    if reason == "content_filter":
        return Failure(kind="refused", message="the server's content filter cut the completion")
    if not isinstance(text, str) or reason not in ("stop", "length"):
        return Again(
            "malformed", f"finish_reason {shown(repr(reason))}, text {type(text).__name__}"
        )
    return _completion(text, choice, _usage(body.get("usage")), asked)


def _completion(
    text: str, choice: dict[str, Any], usage: Usage, asked: Asked
) -> Completion | Failure:
    counted = usage.prompt_tokens
    if asked.is_checked and counted and counted != asked.n_prompt:
        message = f"the server read {counted} prompt tokens where {asked.n_prompt} were meant"
        return Failure(kind="inexact", message=message)
    cut = cut_at_stop(text, asked.stop)
    is_full = cut is None and choice.get("finish_reason") == "length"
    return Completion(
        text=text if cut is None else cut,
        token_ids=() if cut is not None else _token_ids(choice, asked.end_ids),
        finish_reason="length" if is_full else "stop",
        usage=usage.model_copy(update={"prompt_tokens": counted or asked.n_prompt or 0}),
    )


def _token_ids(choice: dict[str, Any], end_ids: frozenset[int]) -> tuple[int, ...]:
    """The completion's ids; nothing where a stop text ended it, whose ids cannot be told apart."""
    ids = choice.get("token_ids")
    if not isinstance(ids, list) or not all(type(i) is int for i in ids):
        return ()
    if choice.get("finish_reason") == "length":
        return tuple(ids)
    return tuple(ids[:-1]) if ids and ids[-1] in end_ids else ()


def _text(choice: dict[str, Any]) -> Any:
    message = choice.get("message")
    if not isinstance(message, dict):
        return choice.get("text")
    # null where all tokens went into reasoning or tool calls: paid for, and no text of the answer
    return "" if message.get("content", "") is None else message.get("content")


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage(n_calls=1)
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(
        n_calls=1,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        cached_prompt_tokens=_count(cached),
        generated_tokens=_count(usage.get("completion_tokens")),
    )


def _count(value: Any) -> int:
    return value if type(value) is int and value >= 0 else 0


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def server_words(content: bytes) -> str:
    """The message in an error's body, on one line, bounded, control characters escaped."""
    text = content[: 16 * _LONGEST_MESSAGE].decode("utf-8", "replace")
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return shown(text)
    for key in ("error", "detail", "message"):
        if isinstance(body, dict) and body.get(key):
            body = body[key]
    return shown(body if isinstance(body, str) else json.dumps(body))


def shown(text: str) -> str:
    """Text of unknown origin as it may stand in a message."""
    line = " ".join(text[: 2 * _LONGEST_MESSAGE].split())
    safe = "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
    return safe if len(safe) <= _LONGEST_MESSAGE else f"{safe[:_LONGEST_MESSAGE]}..."
