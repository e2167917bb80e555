"""What is found before money is spent, each as one line."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from stub_servers import Handler, HostedLike, Reply, TransformersLike, VllmLike, serving
from tiny_models import CHATML, tiny_tokenizer
from tokenizers.processors import TemplateProcessing

from prmkit.config import ModelConfig
from prmkit.errors import ConfigError, ModelError
from prmkit.generators.base import Completion, Message, Request, Sampling, generate
from prmkit.generators.load import check_config, load_config
from prmkit.generators.openai_api.finding import ServerFinding
from prmkit.generators.openai_api.generator import OpenAiGenerator, check_servers

SAMPLING = Sampling(temperature=0.7, max_new_tokens=40)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return tiny_tokenizer()


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Path:
    path = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save_pretrained(path)
    return path


def with_begin_token() -> Any:
    """A tokenizer that, as Llama's, adds a begin token unless told not to."""
    tokenizer = tiny_tokenizer("<s>", template="{{ bos_token }}" + CHATML)
    tokenizer.bos_token = "<s>"
    begin = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.convert_tokens_to_ids("<s>"))]
    )
    tokenizer.backend_tokenizer.post_processor = begin
    return tokenizer


def finding_of(handler: Handler, tokenizer: Path | None, **settings: Any) -> ServerFinding:
    with serving(handler) as stub:
        config = ModelConfig(
            model="tiny", base_url=(stub.base_url,), **({"sampling": SAMPLING} | settings)
        )
        return check_servers(config, tokenizer).findings[0]


def refusal(handler: Handler, tokenizer: Path | None, **settings: Any) -> str:
    """The one-line message of a refused server."""
    with pytest.raises(ModelError) as caught:
        finding_of(handler, tokenizer, **settings)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_finding_holds_what_the_probe_saw(tokenizer: Any, directory: Path) -> None:
    found = finding_of(VllmLike(tokenizer), directory)
    assert found.model_copy(update={"base_url": "x"}) == ServerFinding(
        base_url="x",
        kind="vllm",
        version="0.99.1",
        model="tiny",
        root="/models/tiny",
        mode="ids",
        dialect="vllm",
        counts_prompt=True,
        tokenizer_checked="ids",
        context=512,
        n_honoured=True,
        seed="honoured",
    )


def test_a_server_that_is_not_there_is_named(directory: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    config = ModelConfig(model="tiny", base_url=(url,), tokenizer=str(directory))
    with pytest.raises(ModelError, match=f"no server at {url}: Connection refused"):
        check_config(config)


def test_another_model_is_refused_with_the_list_of_those_served(tokenizer: Any) -> None:
    message = refusal(VllmLike(tokenizer, model="large"), None)
    assert message.endswith("does not serve 'tiny'; it serves: large")


def test_another_tokenizer_is_found_by_its_ids_or_by_its_counts(directory: Path) -> None:
    longer = tiny_tokenizer()
    longer.add_tokens(["Natalia"])
    by_ids = VllmLike(longer)
    assert "another tokenizer than the one given" in refusal(by_ids, directory)
    by_count = VllmLike(longer)
    by_count.has_tokenize = False
    assert "another tokenizer than the one given" in refusal(by_count, directory)
    # it takes text alone; where it counts otherwise, its chat is no way round
    longer.add_tokens(["random"])  # a word of the probe's question
    assert "another tokenizer than the one given" in refusal(TransformersLike(longer), directory)


def test_a_model_that_cannot_be_loaded_is_named_with_the_servers_words(
    tokenizer: Any, directory: Path
) -> None:
    class Empty(TransformersLike):
        """Loads models when asked to; here there are none."""

        def __call__(self, method: str, path: str, body: Any) -> Reply:
            if path == "/load_model":
                events = [{"status": "loading"}, {"status": "error", "message": "No file\nat all"}]
                text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
                return Reply(text.encode(), 200, (("content-type", "text/event-stream"),))
            if method == "POST":
                return Reply(b"Internal Server Error", 500, (("content-type", "text/plain"),))
            return super().__call__(method, path, body)

    for given in (directory, None):
        message = refusal(Empty(tokenizer), given)
        assert "cannot load the model 'tiny', by that name a directory" in message
        assert message.endswith(": No file at all")


def test_a_pinned_server_that_has_another_model_says_which(tokenizer: Any) -> None:
    def pinned(method: str, path: str, body: Any) -> Reply:
        if path == "/v1/completions":
            return Reply({"detail": "Server is pinned to 'large'; requested 'tiny'."}, 400)
        return TransformersLike(tokenizer)(method, path, body)

    message = refusal(pinned, None)
    assert message.endswith(
        "refuses the model 'tiny': HTTP 400: Server is pinned to 'large'; requested 'tiny'."
    )


def test_an_address_where_nothing_is_served_is_told_from_a_prompt_not_taken(
    directory: Path,
) -> None:
    message = refusal(lambda *_: Reply({"detail": "Not Found"}, 404), directory)
    assert "/v1 serves no completions: HTTP 404: Not Found; " in message
    assert "base_url" in message


def test_a_completer_must_continue_prefixes_and_a_judge_need_not(tokenizer: Any) -> None:
    with serving(HostedLike(tokenizer)) as stub:
        config = ModelConfig(model="tiny", base_url=(stub.base_url,), sampling=SAMPLING)
        check_config(config)
        with pytest.raises(ModelError, match="cannot continue a prefix, which rollouts need: chat"):
            check_config(config, completes=True)


def test_a_context_without_room_is_refused(tokenizer: Any, directory: Path) -> None:
    sampling = Sampling(max_new_tokens=200)
    message = refusal(VllmLike(tokenizer, context=200), directory, sampling=sampling)
    assert "a context of 200 tokens has no room for sampling.max_new_tokens = 200" in message


def test_a_server_whose_draws_do_not_depend_on_the_seed_is_refused(
    tokenizer: Any, directory: Path
) -> None:
    handler = VllmLike(tokenizer)
    handler.seed_of = lambda seed: 0
    assert "the same completion for every seed" in refusal(handler, directory)
    greedy = Sampling(temperature=0.0, max_new_tokens=40)
    assert finding_of(handler, directory, sampling=greedy).seed == "untested"


def test_a_server_that_draws_its_own_seeds_is_noted(
    tokenizer: Any, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    handler = VllmLike(tokenizer)
    numbers = iter(range(10_000))
    handler.seed_of = lambda seed: next(numbers)
    with serving(handler) as stub:
        config = ModelConfig(
            model="tiny", base_url=(stub.base_url,), tokenizer=str(directory), sampling=SAMPLING
        )
        generator = load_config(config)
        assert isinstance(generator, OpenAiGenerator)
        assert generator.findings[0].seed == "ignored"
        assert "does not decide a draw" in caplog.text
        generator.close()


def test_top_k_is_refused_where_there_is_no_word_for_it(tokenizer: Any) -> None:
    sampling = Sampling(top_k=20, max_new_tokens=40)
    assert "takes no top_k" in refusal(HostedLike(tokenizer), None, sampling=sampling)


def test_servers_that_take_different_things_are_no_pool(tokenizer: Any, directory: Path) -> None:
    text_only = VllmLike(tokenizer)
    text_only.takes_ids = False
    with serving(VllmLike(tokenizer)) as one, serving(text_only) as other:
        config = ModelConfig(
            model="tiny",
            base_url=(one.base_url, other.base_url),
            tokenizer=str(directory),
            sampling=SAMPLING,
        )
        with pytest.raises(ModelError, match="cannot be one pool: they take ids in vllm's words"):
            check_config(config)


def test_a_key_is_read_from_the_environment_and_never_shown(
    tokenizer: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(method: str, path: str, body: Any) -> Reply:
        return Reply({"error": {"message": "wrong key: sk-secret"}}, 401)

    with serving(closed) as stub:
        config = ModelConfig(
            model="tiny", base_url=(stub.base_url,), tokenizer=str(directory), api_key_env="A_KEY"
        )
        with pytest.raises(ConfigError, match="environment variable A_KEY is not set"):
            check_config(config)
        monkeypatch.setenv("A_KEY", "sk-secret")
        with pytest.raises(ModelError, match=r"refuses access: .*\[key\]; see api_key_env"):
            check_config(config)


@pytest.mark.parametrize("kind", [VllmLike, TransformersLike])
def test_a_begin_token_is_sent_once(kind: type[VllmLike], tmp_path: Path) -> None:
    tokenizer = with_begin_token()
    tokenizer.save_pretrained(tmp_path)
    read: list[list[int]] = []
    handler = kind(tokenizer)
    reply_to = handler.reply

    def remember(body: Any, ids: list[int], field: Any) -> Reply:
        read.append(ids)
        return reply_to(body, ids, field)

    handler.reply = remember  # type: ignore[method-assign]
    with serving(handler) as stub:
        config = ModelConfig(
            model="tiny", base_url=(stub.base_url,), tokenizer=str(tmp_path), sampling=SAMPLING
        )
        generator = load_config(config)
        assert isinstance(generator, OpenAiGenerator)
        request = Request(
            messages=(Message(role="user", content="1+1?"),),
            prefix="It is\n\n",
            seed=0,
            sampling=SAMPLING,
        )
        (reply,) = generate(generator, [request])
        assert isinstance(reply, Completion)
        rendered = "<s><|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\nIt is\n\n"
        assert read[-1] == tokenizer(rendered, add_special_tokens=False)["input_ids"]
        assert read[-1].count(tokenizer.bos_token_id) == 1
        assert generator.findings[0].adds_special == (kind is TransformersLike)
        generator.close()
