"""What servers and networks do to one request, as three exceptions and nothing else."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from prmkit.generators.openai_api.event_loop import LoopThread
from prmkit.generators.openai_api.http import Access, Lost, Session, Unreachable, open_session
from prmkit.generators.openai_api.replies import HttpReply

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
Ask = Callable[[str], HttpReply]


def asking(timeout_s: float) -> Iterator[Ask]:
    thread = LoopThread()
    session: Session = thread.call(open_session(Access(timeout_s, key="sekret")))
    yield lambda url: thread.call(session.ask("POST", url, b"{}"))
    thread.close(session.close)


@pytest.fixture
def ask() -> Iterator[Ask]:
    yield from asking(1.0)


@pytest.fixture
def ask_patiently() -> Iterator[Ask]:
    yield from asking(60.0)


def answering(sent: bytes, heard: list[bytes] | None = None, wait_s: float = 0.0) -> str:
    """The URL of a server that sends these bytes to one client and closes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listening, listening.accept()[0] as connection:
            said = connection.recv(65536)
            if heard is not None:
                heard.append(said)
            time.sleep(wait_s)
            connection.sendall(sent)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        OK + b"content-length: x\r\n\r\n",
        OK + b"content-length: 50\r\n\r\n{}",
        OK + b"transfer-encoding: chunked\r\n\r\n5\r\n{}",
        OK + b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nabcde",
        OK + b"x: " + b"a" * 100_000 + b"\r\n\r\n{}",
    ],
    ids=["nothing", "no http", "status", "length", "short", "chunk", "gzip", "long header"],
)
def test_an_answer_that_is_not_whole_or_not_http_is_lost(sent: bytes, ask: Ask) -> None:
    with pytest.raises(Lost, match=r"\S"):
        ask(answering(sent))


def test_an_answer_that_unpacks_without_end_is_lost(ask_patiently: Ask) -> None:
    packed = gzip.compress(bytes(65 << 20))
    assert len(packed) < 100_000
    coding = b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    with pytest.raises(Lost, match="an answer of more than 64 MiB"):
        ask_patiently(answering(OK + coding + packed))


def test_no_connection_is_unreachable_and_says_why(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable, match=r"^Connection refused$"):
        ask(f"http://127.0.0.1:{port}/v1")
    with pytest.raises(Unreachable, match=r"\S"):
        ask(answering(b"no TLS").replace("http", "https"))


def test_silence_ends_at_the_time_out(ask: Ask) -> None:
    with pytest.raises(TimeoutError):
        ask(answering(OK, wait_s=2.0))


def test_whole_answers_are_kept_as_they_came(ask: Ask) -> None:
    packed = gzip.compress(b'{"a": 1}')
    coding = b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    for sent in (OK + b'\r\n{"a": 1}', OK + coding + packed):
        answer = ask(answering(sent))
        assert (answer.status, answer.content) == (200, b'{"a": 1}')
        assert answer.headers.get("content-type") == "application/json"


def test_a_redirect_is_not_followed(ask: Ask) -> None:
    sent = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
    assert ask(answering(sent)).status == 302


def test_a_key_that_a_refusal_repeats_is_not_shown(ask: Ask) -> None:
    heard = list[bytes]()
    sent = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 13\r\n\r\nno key sekret"
    assert ask(answering(sent, heard)).content == b"no key [key]"
    assert b"authorization: bearer sekret" in heard[0].lower()


def test_the_environments_proxy_is_used_but_where_it_is_excepted(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = list[bytes]()
    sent = OK + b"content-length: 2\r\n\r\n{}"
    monkeypatch.setenv("http_proxy", answering(sent, heard).removesuffix("/v1"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert ask("http://far.example/v1").content == b"{}"
    assert heard[0].startswith(b"POST http://far.example/v1 HTTP/1.1")
    assert ask(answering(sent)).content == b"{}"
