"""What the probe makes of servers that say little, or something odd."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from stub_servers import HostedLike, Reply, VllmLike, refuse, serving
from tiny_models import CHATML, tiny_tokenizer
from tokenizers.processors import TemplateProcessing

from prmkit.config import ModelConfig
from prmkit.errors import ModelError
from prmkit.generators.base import Sampling
from prmkit.generators.openai_api.client import Client, Job
from prmkit.generators.openai_api.finding import ServerFinding
from prmkit.generators.openai_api.generator import check_servers
from prmkit.generators.openai_api.http import Access
from prmkit.generators.openai_api.prompts import Prompts
from prmkit.generators.openai_api.replies import Asked

SAMPLING = Sampling(temperature=0.7, max_new_tokens=40)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer")
    tiny_tokenizer().save_pretrained(path)
    return path


def finding_of(handler: Any, tokenizer: Path | None) -> ServerFinding:
    with serving(handler) as stub:
        config = ModelConfig(model="tiny", base_url=(stub.base_url,), sampling=SAMPLING)
        return check_servers(config, tokenizer).findings[0]


class SglangLike(VllmLike):
    """Names itself as SGLang does, and its version under an older path."""

    def __call__(self, method: str, path: str, body: Any) -> Reply:
        if path == "/v1/models":
            return Reply({"data": [{"id": self.model, "owned_by": "sglang"}]})
        if path == "/get_server_info":
            return Reply({"version": "0.5.1"})
        return super().__call__(method, path, body)


class LlamaCppLike(VllmLike):
    """Names itself as llama.cpp does, and has its own words for tokenizing and its context."""

    def __call__(self, method: str, path: str, body: Any) -> Reply:
        if path == "/v1/models":
            return Reply({"data": [{"id": self.model, "owned_by": "llamacpp"}]})
        if path == "/props":
            settings = {"n_ctx": 256}
            return Reply(
                {
                    "build_info": "b9000",
                    "model_path": "/tiny.gguf",
                    "default_generation_settings": settings,
                }
            )
        if path == "/tokenize":
            ids = self.ids_of(body["content"], special=body["add_special"])
            return Reply({"tokens": ids})
        return super().__call__(method, path, body)


def test_a_server_is_known_by_what_it_says_of_itself(directory: Path) -> None:
    sglang = finding_of(SglangLike(tiny_tokenizer()), directory)
    assert (sglang.kind, sglang.version, sglang.dialect) == ("sglang", "0.5.1", "sglang")
    assert (sglang.tokenizer_checked, sglang.mode) == ("ids", "ids")
    llama = finding_of(LlamaCppLike(tiny_tokenizer()), directory)
    assert (llama.kind, llama.version, llama.root) == ("llama.cpp", "b9000", "/tiny.gguf")
    assert (llama.context, llama.tokenizer_checked) == (256, "ids")


class Ignoring(HostedLike):
    """Takes the words for going on with a turn and does not follow them."""

    def __call__(self, method: str, path: str, body: Any) -> Reply:
        ours = ("continue_final_message", "add_generation_prompt")
        if isinstance(body, dict):
            body = {k: v for k, v in body.items() if k not in ours}
        return super().__call__(method, path, body)


def test_a_turn_that_is_not_left_open_is_not_continued() -> None:
    found = finding_of(Ignoring(tiny_tokenizer()), None)
    assert found.mode == "chat_whole"
    assert "it shows no sign of continue_final_message" in found.mode_reason


def test_a_server_that_counts_no_tokens_leaves_the_tokenizer_unchecked(directory: Path) -> None:
    class Silent(VllmLike):
        def reply(self, *arguments: Any) -> Reply:
            told = super().reply(*arguments)
            return told._replace(body={**told.body, "usage": None}) if told.status == 200 else told

    handler = Silent(tiny_tokenizer())
    handler.has_tokenize = False
    found = finding_of(handler, directory)
    assert (found.tokenizer_checked, found.counts_prompt) == ("no", False)
    assert found.mode == "ids"


def test_two_completions_for_one_prompt_are_no_way_to_go_on(directory: Path) -> None:
    class Doubling(VllmLike):
        def reply(self, *arguments: Any) -> Reply:
            told = super().reply(*arguments)
            if told.status != 200:
                return told
            return told._replace(body={**told.body, "choices": told.body["choices"] * 2})

    handler = Doubling(tiny_tokenizer())
    with pytest.raises(ModelError, match="2 completions came back for one prompt"):
        finding_of(handler, directory)


def test_a_begin_token_that_cannot_be_left_out_rules_text_out(tmp_path: Path) -> None:
    # the template writes no begin token, but the server adds one to every text
    tokenizer = tiny_tokenizer("<s>", template=CHATML)
    tokenizer.bos_token = "<s>"
    begin = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.convert_tokens_to_ids("<s>"))]
    )
    tokenizer.backend_tokenizer.post_processor = begin
    tokenizer.save_pretrained(tmp_path)

    class Adding(VllmLike):
        def ids_of(self, text: str, *, special: bool) -> list[int]:
            return super().ids_of(text, special=True)

        def chat(self, body: Any) -> Reply:
            return refuse("no chat here")

    handler = Adding(tokenizer)
    handler.takes_ids, handler.has_tokenize = False, False
    with pytest.raises(ModelError, match="the server adds special tokens that this prompt must"):
        finding_of(handler, tmp_path)


def test_prompts_as_ids_or_text_need_a_tokenizer() -> None:
    with pytest.raises(ValueError, match="mode ids needs a tokenizer"):
        Prompts(None, "ids")


def job(asked: Asked | None, ticket: int = 0) -> Job:
    body = b'{"model": "tiny", "prompt": "so", "temperature": 0, "seed": 1, "max_tokens": 3}'
    return Job((0, "", ticket), 0, ticket, "/completions", body, cast(Asked, asked))


def test_a_bug_in_the_thread_ends_the_wait_for_a_reply() -> None:
    with serving(VllmLike(tiny_tokenizer())) as stub:
        client = Client([stub.base_url], Access(timeout_s=10.0))
        try:
            client.give([job(None)])  # nothing to read the reply by: an error of ours
            with pytest.raises(AttributeError):
                client.take()
        finally:
            client.close()


def test_what_is_under_way_at_the_end_is_dropped_and_closing_twice_is_allowed() -> None:
    with serving(VllmLike(tiny_tokenizer()), delay_s=30.0) as stub:
        client = Client([stub.base_url], Access(timeout_s=60.0))
        client.give([job(Asked((), None, is_checked=False, end_ids=frozenset()))])

        async def asked() -> None:
            while not stub.posts:
                await asyncio.sleep(0.01)

        asyncio.run(asyncio.wait_for(asked(), 20))
        client.close()
        client.close()
