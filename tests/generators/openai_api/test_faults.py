"""Whatever a server or the network does, the final replies are the same and paid for once."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stub_servers import FAULTS, QUICK_FAULTS, FaultyProxy, Stub, VllmLike, serving
from stub_servers import Reply as HttpAnswer
from tiny_models import tiny_tokenizer

from prmkit.config import ModelConfig
from prmkit.errors import TooManyFailures
from prmkit.generators.base import Completion, Failure, Message, Reply, Request, Sampling, generate
from prmkit.generators.drive import Task, drive
from prmkit.generators.guard import Guarded
from prmkit.generators.openai_api.client import Patience
from prmkit.generators.openai_api.generator import OpenAiGenerator, check_servers
from prmkit.store import Journal

SAMPLING = Sampling(temperature=0.8, max_new_tokens=40)
FAST = Patience(tries=20, timeouts=20, first_s=0.001, longest_s=0.01)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer")
    tiny_tokenizer().save_pretrained(path)
    return path


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving(VllmLike(tiny_tokenizer())) as stub:
        yield stub


@pytest.fixture
def proxy(stub: Stub) -> Iterator[FaultyProxy]:
    with FaultyProxy(stub.port) as proxy:
        assert isinstance(proxy, FaultyProxy)
        yield proxy


def load(url: str, directory: Path, **settings: Any) -> OpenAiGenerator:
    config = ModelConfig(
        model="tiny",
        base_url=(url,),
        tokenizer=str(directory),
        sampling=SAMPLING,
        **{"timeout_s": 30.0, "max_in_flight": 32, **settings},
    )
    return OpenAiGenerator(config, check_servers(config, directory), FAST)


def requests(n: int) -> list[Request]:
    return [
        Request(
            messages=(Message(role="user", content=f"q{i // 4}"),),
            prefix="so " * (i % 2),
            seed=i,
            sampling=SAMPLING,
        )
        for i in range(n)
    ]


def one(request: Request) -> Task[Reply]:
    """A task of one request."""
    (reply,) = yield [request]
    return reply


def test_faults_change_nothing_and_nothing_received_whole_is_paid_twice(
    stub: Stub, proxy: FaultyProxy, directory: Path, tmp_path: Path
) -> None:
    asked = requests(200)
    direct = load(stub.base_url, directory)
    expected = generate(direct, asked)
    direct.close()
    faced = load(proxy.base_url, directory, timeout_s=3.0)
    proxy.is_armed = True
    proxy.whole.clear()
    with Journal(tmp_path / "journal.sqlite") as journal:
        for n_done, _ in enumerate(drive(map(one, asked), faced, journal, max_open=64)):
            if n_done == 100:
                break  # as a kill would: what was received is in the journal, the rest is not
        held = len(journal.replies([r.key(faced.model_id) for r in asked]))
    faced.close()
    faced = load(proxy.base_url, directory, timeout_s=3.0)
    with Journal(tmp_path / "journal.sqlite") as journal:
        found = dict(drive(map(one, asked), faced, journal, max_open=64))
    assert [found[i] for i in range(200)] == expected
    assert all(isinstance(reply, Completion) for reply in expected)
    assert held >= 101
    # what was under way at the kill may have been passed on to nobody, and only that
    n_paid = sum(n for body, n in proxy.whole.items() if b'"max_tokens":40' in body)
    assert 200 <= n_paid <= 200 + 64
    assert set(proxy.faults) == set(FAULTS)
    faced.close()


def test_without_a_kill_every_completion_is_paid_exactly_once(
    proxy: FaultyProxy, directory: Path
) -> None:
    # a time-out on a busy machine could not be told from a lost reply: none here
    proxy.kinds = QUICK_FAULTS
    faced = load(proxy.base_url, directory, timeout_s=120.0)
    proxy.whole.clear()
    proxy.is_armed = True
    replies = generate(faced, requests(200))
    assert all(isinstance(reply, Completion) for reply in replies)
    assert len(proxy.whole) == 200
    assert set(proxy.whole.values()) == {1}
    faced.close()


def test_the_probe_survives_faults(proxy: FaultyProxy, directory: Path) -> None:
    calm = load(proxy.base_url, directory)
    proxy.kinds, proxy.is_armed = QUICK_FAULTS, True
    assert load(proxy.base_url, directory).findings == calm.findings


def test_a_refusal_is_a_typed_failure_with_the_servers_words_and_is_not_repeated(
    stub: Stub, directory: Path
) -> None:
    generator = load(stub.base_url, directory)
    assert isinstance(stub.handler, VllmLike)
    stub.handler.context = 50
    stub.posts.clear()
    (reply,) = generate(generator, requests(1))
    assert isinstance(reply, Failure)
    assert reply.kind == "refused"
    assert reply.message == "HTTP 400: maximum context length is 50 tokens"
    assert len(stub.posts) == 1
    generator.close()


def test_a_prompt_that_the_server_read_otherwise_is_a_failure(stub: Stub, directory: Path) -> None:
    generator = load(stub.base_url, directory)
    handler = stub.handler
    assert isinstance(handler, VllmLike)
    reply_to = handler.reply
    handler.reply = lambda body, ids, field: reply_to(body, [0, *ids], field)  # type: ignore[method-assign]
    (reply,) = generate(generator, requests(1))
    assert isinstance(reply, Failure)
    assert reply.kind == "inexact"
    generator.close()


def test_what_a_broken_server_of_a_pool_fails_is_done_by_the_other(
    stub: Stub, proxy: FaultyProxy, directory: Path
) -> None:
    config = ModelConfig(
        model="tiny",
        base_url=(proxy.base_url, stub.base_url),
        tokenizer=str(directory),
        sampling=SAMPLING,
        timeout_s=120.0,
    )
    few = Patience(tries=3, first_s=0.001, longest_s=0.01)
    generator = OpenAiGenerator(config, check_servers(config, directory), few)
    proxy.kinds, proxy.is_armed, proxy.share = QUICK_FAULTS, True, 1.0
    assert all(isinstance(reply, Completion) for reply in generate(generator, requests(60)))
    generator.close()


def test_a_server_that_asks_for_time_gets_it(stub: Stub, directory: Path) -> None:
    config = ModelConfig(
        model="tiny", base_url=(stub.base_url,), tokenizer=str(directory), sampling=SAMPLING
    )
    checked = check_servers(config, directory)
    generator = OpenAiGenerator(config, checked, Patience(first_s=0.001, longest_s=5.0))
    handler, asked_at = stub.handler, list[float]()

    def busy_once(method: str, path: str, body: Any) -> HttpAnswer:
        asked_at.append(time.monotonic())
        if len(asked_at) == 1:
            return HttpAnswer({"error": "busy"}, 503, (("retry-after", "1"),))
        return handler(method, path, body)

    stub.handler = busy_once
    (reply,) = generate(generator, requests(1))
    assert isinstance(reply, Completion)
    assert asked_at[1] - asked_at[0] >= 1.0
    generator.close()


def test_patience_ends_in_a_failure_and_the_stage_stops_with_the_reason(
    proxy: FaultyProxy, directory: Path
) -> None:
    generator = load(proxy.base_url, directory)
    proxy.kinds, proxy.is_armed, proxy.share = QUICK_FAULTS, True, 1.0
    guarded = Guarded(generator, max_failed=0.05, stage="rollouts")
    with pytest.raises(TooManyFailures, match=r"rollouts: .* attempts at http://127"):
        list(drive(map(one, requests(150)), guarded))
    generator.close()
