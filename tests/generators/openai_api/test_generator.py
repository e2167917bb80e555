import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stub_servers import HostedLike, Stub, TransformersLike, VllmLike, serving
from tiny_models import tiny_tokenizer

from prmkit.config import ModelConfig
from prmkit.generators.base import (
    Completion,
    Failure,
    Generator,
    Message,
    Request,
    Sampling,
    generate,
)
from prmkit.generators.load import load_config
from prmkit.generators.openai_api.generator import OpenAiGenerator

SAMPLING = Sampling(temperature=0.7, top_p=0.8, top_k=20, max_new_tokens=40)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return tiny_tokenizer()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Path:
    path = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def vllm(tokenizer: Any) -> Iterator[Stub]:
    with serving(VllmLike(tokenizer)) as stub:
        yield stub


def load(stub: Stub, directory: Path | None, **settings: Any) -> OpenAiGenerator:
    """The generator over one stub."""
    config = ModelConfig(
        model="tiny",
        base_url=(stub.base_url,),
        tokenizer=None if directory is None else str(directory),
        **({"sampling": SAMPLING} | settings),
    )
    generator = load_config(config)
    assert isinstance(generator, OpenAiGenerator)
    return generator


def ask(question: str, prefix: str = "", seed: int = 0, **sampling: Any) -> Request:
    """A request with the settings of this module."""
    return Request(
        messages=(Message(role="user", content=question),),
        prefix=prefix,
        seed=seed,
        sampling=SAMPLING.model_copy(update=sampling),
    )


def texts(generator: Generator, requests: list[Request]) -> list[str]:
    """Texts of replies that must all be completions."""
    replies = generate(generator, requests)
    assert all(isinstance(r, Completion) for r in replies), replies
    return [r.text for r in replies if isinstance(r, Completion)]


def test_token_ids_of_template_and_prefix_are_sent_with_every_sampling_parameter(
    vllm: Stub, directory: Path
) -> None:
    generator = load(vllm, directory)
    vllm.posts.clear()
    (reply,) = generate(generator, [ask("1+1?", "It is\n\n", seed=2**53 - 1, stop=("#",))])
    assert isinstance(reply, Completion)
    ((path, body),) = vllm.posts
    rendered = "<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\nIt is\n\n"
    tokenizer = tiny_tokenizer()
    assert path == "/v1/completions"
    assert body == {
        "model": "tiny",
        "prompt": tokenizer(rendered, add_special_tokens=False)["input_ids"],
        "seed": 2**53 - 1,
        "max_tokens": 40,
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 20,
        "min_p": 0.0,
        "min_tokens": 0,
        "n": 1,
        "stop": ["#"],
        "stop_token_ids": [tokenizer.eos_token_id],
        "stream": False,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "ignore_eos": False,
        "skip_special_tokens": True,
        "add_special_tokens": False,
        "include_stop_str_in_output": False,
        "return_token_ids": True,
    }
    assert reply.usage.prompt_tokens == len(body["prompt"])


def test_ids_text_and_chat_continue_the_same_prompt(tokenizer: Any, directory: Path) -> None:
    requests = [ask(f"{i}+1?", "We have\n\n" if i % 2 else "", seed=i) for i in range(6)]
    by_text = VllmLike(tokenizer)
    by_text.takes_ids = False
    by_chat = VllmLike(tokenizer)
    by_chat.complete = lambda body: VllmLike.complete(by_chat, body | {"prompt": "x"})  # type: ignore[method-assign]
    found = {}
    for handler in (VllmLike(tokenizer), by_text, by_chat, TransformersLike(tokenizer)):
        with serving(handler) as stub:
            generator = load(stub, directory)
            (finding,) = generator.findings
            found[finding.kind, finding.mode] = texts(generator, requests)
            generator.close()
    assert list(found) == [
        ("vllm", "ids"),
        ("vllm", "text"),
        ("vllm", "chat"),
        ("transformers", "text"),
    ]
    assert all(answers == found["vllm", "ids"] for answers in found.values())


def test_a_prefix_that_a_server_cannot_continue_is_refused_and_whole_answers_are_not(
    tokenizer: Any,
) -> None:
    with serving(HostedLike(tokenizer)) as stub:
        generator = load(stub, None, sampling=SAMPLING.model_copy(update={"top_k": 0}))
        (finding,) = generator.findings
        assert (finding.mode, finding.dialect) == ("chat_whole", "plain")
        whole, continued = generate(generator, [ask("a", top_k=0), ask("a", prefix="so ", top_k=0)])
        assert isinstance(whole, Completion)
        assert isinstance(continued, Failure)
        assert continued.kind == "refused"
        generator.close()


def test_a_cut_off_text_is_reported_as_such_and_a_stop_text_ends_one(
    vllm: Stub, directory: Path
) -> None:
    generator = load(vllm, directory)
    replies = generate(generator, [ask("q", seed=s, max_new_tokens=15) for s in range(20)])
    reasons = {r.finish_reason for r in replies if isinstance(r, Completion)}
    assert reasons == {"stop", "length"}
    (stopped,) = generate(generator, [ask("q", stop=(" ",))])
    assert isinstance(stopped, Completion)
    assert (stopped.finish_reason, " " in stopped.text) == ("stop", False)


def test_requests_go_out_by_problem_then_prefix(tokenizer: Any, directory: Path) -> None:
    with serving(VllmLike(tokenizer)) as stub:
        generator = load(stub, directory, max_in_flight=1)
        stub.posts.clear()
        shuffled = [("b", "xy"), ("a", "x"), ("b", ""), ("a", "xy"), ("b", "x"), ("a", "")]
        texts(generator, [ask(question, prefix) for question, prefix in shuffled])
        decoded = [tokenizer.decode(body["prompt"]) for body in stub.completions()]
        seen = [(text[17], text.partition("assistant\n")[2]) for text in decoded]
        # b was asked first; each problem's prefixes follow the ones that they continue
        assert seen == [("b", ""), ("b", "x"), ("b", "xy"), ("a", ""), ("a", "x"), ("a", "xy")]
        generator.close()


def test_no_more_than_max_in_flight_are_under_way_and_connections_are_used_again(
    tokenizer: Any, directory: Path
) -> None:
    with serving(VllmLike(tokenizer), delay_s=0.01) as stub:
        generator = load(stub, directory, max_in_flight=5)
        stub.n_most_under_way = stub.n_connections = 0
        texts(generator, [ask(f"q{i}", seed=i) for i in range(40)])
        assert stub.n_most_under_way == 5
        assert stub.n_connections <= 5
        generator.close()


def test_the_server_is_asked_while_further_requests_are_made(
    tokenizer: Any, directory: Path
) -> None:
    with serving(VllmLike(tokenizer)) as stub:
        generator = load(stub, directory)
        stub.posts.clear()
        for ticket in range(64):
            generator.submit(ticket, ask(f"q{ticket}", seed=ticket))
        deadline = time.monotonic() + 20
        while len(stub.completions()) < 64 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(stub.completions()) == 64  # nothing was collected yet
        generator.submit(64, ask("the last"))
        replies = []
        while new := generator.collect():
            replies += new
        assert sorted(reply.ticket for reply in replies) == list(range(65))
        generator.close()


def test_a_request_that_cannot_fit_is_refused_without_being_sent(
    vllm: Stub, directory: Path
) -> None:
    generator = load(vllm, directory)
    vllm.posts.clear()
    (reply,) = generate(generator, [ask("q" * 600)])
    assert isinstance(reply, Failure)
    assert reply.kind == "too_long"
    assert reply.message.endswith(" tokens and max_new_tokens = 40; the server takes 512 in all")
    assert vllm.posts == []


def test_nothing_outstanding_gives_nothing(vllm: Stub, directory: Path) -> None:
    generator = load(vllm, directory)
    assert generator.collect() == []
    generator.close()
    generator.close()


def test_letting_go_of_a_generator_ends_its_thread(vllm: Stub, directory: Path) -> None:
    gc.collect()  # generators of other tests end their threads now, not in between
    before = threading.active_count()
    generator = load(vllm, directory)
    assert threading.active_count() == before + 1
    generator.submit(0, ask("never collected"))
    del generator
    gc.collect()
    assert threading.active_count() == before


def test_two_servers_share_the_work_and_the_model_id_is_the_models(
    tokenizer: Any, directory: Path
) -> None:
    with serving(VllmLike(tokenizer), 0.01) as one, serving(VllmLike(tokenizer), 0.01) as other:
        config = ModelConfig(
            model="tiny",
            base_url=(one.base_url, other.base_url),
            tokenizer=str(directory),
            sampling=SAMPLING,
            max_in_flight=32,
        )
        generator = load_config(config)
        one.posts.clear()
        other.posts.clear()
        found = texts(generator, [ask(f"q{i}", seed=i) for i in range(200)])
        assert min(len(one.posts), len(other.posts)) > 60
        alone = load(one, directory)
        assert texts(alone, [ask(f"q{i}", seed=i) for i in range(200)]) == found
        assert alone.model_id == generator.model_id
        assert alone.model_id.startswith("tiny=/models/tiny@")


def test_a_dead_server_is_left_and_its_work_done_by_the_other(
    tokenizer: Any, directory: Path
) -> None:
    with serving(VllmLike(tokenizer)) as one, serving(VllmLike(tokenizer)) as other:
        config = ModelConfig(
            model="tiny",
            base_url=(one.base_url, other.base_url),
            tokenizer=str(directory),
            sampling=SAMPLING,
        )
        generator = load_config(config)
        port = one.port
        one.stop()
        other.posts.clear()
        assert len(texts(generator, [ask(f"q{i}", seed=i) for i in range(50)])) == 50
        assert len(other.posts) == 50
        one.start(port)
