import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.generators.base import Completion, Failure
from prmkit.generators.openai_api.replies import (
    Again,
    Asked,
    HttpReply,
    read_reply,
    retry_after,
    server_words,
    shown,
)

ASKED = Asked(stop=("\n\n",), n_prompt=5, is_checked=True, end_ids=frozenset({9}))
JSON = {"content-type": "application/json; charset=utf-8"}


def http(body: Any, status: int = 200, **headers: str) -> HttpReply:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpReply(status, JSON | headers, content)


def body(**changes: Any) -> dict[str, Any]:
    """A whole reply with some fields of its choice changed."""
    choice = {"index": 0, "text": "42", "finish_reason": "stop", "token_ids": [3, 4, 9]} | changes
    usage = {"prompt_tokens": 5, "completion_tokens": 3}
    return {"choices": [choice], "usage": usage}


def completion(found: object) -> Completion:
    assert isinstance(found, Completion)
    return found


def test_a_whole_reply_is_a_completion_without_its_end_token() -> None:
    found = completion(read_reply(http(body()), ASKED))
    assert (found.text, found.token_ids, found.finish_reason) == ("42", (3, 4), "stop")
    assert (found.usage.n_calls, found.usage.prompt_tokens, found.usage.generated_tokens) == (
        1,
        5,
        3,
    )


def test_a_stop_text_that_the_server_left_is_cut_off() -> None:
    found = completion(read_reply(http(body(text="4\n\n2", finish_reason="length")), ASKED))
    assert (found.text, found.token_ids, found.finish_reason) == ("4", (), "stop")


def test_length_is_reported_with_all_ids() -> None:
    found = completion(read_reply(http(body(finish_reason="length")), ASKED))
    assert (found.token_ids, found.finish_reason) == ((3, 4, 9), "length")


def test_chat_replies_and_cached_tokens_are_read() -> None:
    reply = {
        "choices": [{"message": {"role": "assistant", "content": "42"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}},
    }
    found = completion(read_reply(http(reply), ASKED))
    assert (found.text, found.usage.cached_prompt_tokens) == ("42", 4)


def test_a_chat_reply_without_content_is_an_empty_text_and_not_asked_for_again() -> None:
    reply = {"choices": [{"message": {"content": None}, "finish_reason": "length"}]}
    found = completion(read_reply(http(reply), ASKED))
    assert (found.text, found.finish_reason) == ("", "length")


def test_another_count_of_prompt_tokens_is_a_failure_only_where_it_is_checked() -> None:
    longer = body() | {"usage": {"prompt_tokens": 6}}
    found = read_reply(http(longer), ASKED)
    assert isinstance(found, Failure)
    assert found.kind == "inexact"
    assert completion(read_reply(http(longer), ASKED._replace(is_checked=False))).text == "42"


@pytest.mark.parametrize(
    "reply",
    [
        HttpReply(200, {"content-type": "text/html"}, b"<html>"),
        HttpReply(200, {}, b"{}"),
        http(b'{"choices": [{"te'),
        http([1]),
        http({"choices": []}),
        http({"choices": None}),
        http({"choices": [1]}),
        http(body(text=None)),
        http(body(finish_reason=None)),
        http(body(finish_reason="abort")),
        http({"error": "x"}, 500),
        http({"error": "x"}, 429),
        http(b"[" * 100_000),
    ],
)
def test_what_is_not_whole_is_tried_again(reply: HttpReply) -> None:
    assert isinstance(read_reply(reply, ASKED), Again)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 422])
def test_what_the_server_refused_is_a_failure_with_its_words(status: int) -> None:
    found = read_reply(http({"error": {"message": "too\nlong"}}, status), ASKED)
    assert found == Failure(kind="refused", message=f"HTTP {status}: too long")


def test_a_filtered_completion_is_refused() -> None:
    found = read_reply(http(body(finish_reason="content_filter")), ASKED)
    assert isinstance(found, Failure)


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after("7") == 7.0
    later = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=90)))
    assert later is not None
    assert 80 < later <= 90
    assert retry_after("Sun, 06 Nov 1994 08:49:37 GMT") == 0.0
    assert retry_after("soon") is None
    assert retry_after(None) is None


def test_server_words_are_found_bounded_and_escaped() -> None:
    assert server_words(b'{"detail": "prompt must be a string."}') == "prompt must be a string."
    assert server_words(b"Bad\x1b[31m") == "Bad\\x1b[31m"
    assert server_words(b'{"error": {"code": 3}}') == '{"code": 3}'
    assert len(server_words(b"x" * 10_000)) == 303


@given(st.text())
def test_shown_text_is_one_printable_line(text: str) -> None:
    assert shown(text).isprintable()


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_no_reply_raises(value: Any) -> None:
    for reply in (value, {"choices": value}, {"choices": [{"text": "a", "finish_reason": value}]}):
        read_reply(http(reply), ASKED)
    read_reply(http(body(token_ids=value) | {"usage": value}), ASKED)
