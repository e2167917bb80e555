import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import CHATML, tiny_backbone, tiny_llama, tiny_tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from prmkit.errors import ModelError
from prmkit.generators.base import (
    Collected,
    Completion,
    Failure,
    Message,
    Request,
    Sampling,
    generate,
)
from prmkit.generators.hf_local import HfLocalGenerator


def sharpened(directory: Path) -> Path:
    """Make random weights large, so that attention decides what comes next."""
    path = directory / "model.safetensors"
    weights = {k: v * (1 if "norm" in k else 6) for k, v in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})
    return directory


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sharpened(tiny_backbone(tmp_path_factory.mktemp("qwen")))


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sharpened(tiny_llama(tmp_path_factory.mktemp("llama")))


def ask(question: str, prefix: str = "", seed: int = 0, **sampling: Any) -> Request:
    return Request(
        messages=(Message(role="user", content=question),),
        prefix=prefix,
        seed=seed,
        sampling=Sampling(**{"max_new_tokens": 12} | sampling),
    )


def many_requests() -> list[Request]:
    """Three problems, two solutions each, at every step, two draws; limits from 1 to 30 tokens."""
    chance = random.Random(3)
    out = []
    for problem in range(3):
        question = f"Problem {problem}: " + "why? " * problem
        for solution in range(2):
            steps = [f"{solution} step {s} is {chance.randrange(99)}\n\n" for s in range(4)]
            for end in range(5):
                for draw in range(2):
                    limit = chance.randrange(1, 31)
                    seed = chance.randrange(2**53)
                    settings = {"top_p": 0.9} if draw else {}
                    prefix = "".join(steps[:end])
                    out.append(ask(question, prefix, seed, max_new_tokens=limit, **settings))
    return out


def written(replies: list[Any]) -> list[tuple[int, ...]]:
    assert all(isinstance(r, Completion) for r in replies)
    return [r.token_ids for r in replies]


def test_a_completion_depends_on_its_request_alone(qwen: Path) -> None:
    requests = many_requests()
    expected = written(generate(HfLocalGenerator(qwen, batch_size=64), requests))
    assert len(set(expected)) > 40
    for batch_size in (1, 3):
        order = list(range(len(requests)))
        random.Random(batch_size).shuffle(order)
        generator = HfLocalGenerator(qwen, batch_size=batch_size)
        replies = written(generate(generator, [requests[i] for i in order]))
        assert replies == [expected[i] for i in order]


def test_requests_that_arrive_while_others_are_decoded_change_nothing(qwen: Path) -> None:
    requests = many_requests()
    expected = written(generate(HfLocalGenerator(qwen, batch_size=64), requests))
    generator = HfLocalGenerator(qwen, batch_size=7)
    waiting = list(enumerate(requests))
    got: dict[int, Any] = {}
    while len(got) < len(requests):
        for ticket, request in waiting[:5]:
            generator.submit(ticket, request)
        waiting = waiting[5:]
        collected: list[Collected] = generator.collect()
        assert collected
        got.update(collected)
    assert written([got[i] for i in range(len(requests))]) == expected
    assert generator.collect() == []


@pytest.mark.parametrize("name", ["qwen", "llama"])
def test_greedy_equals_generate_of_transformers(name: str, request: Any) -> None:
    directory = request.getfixturevalue(name)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForCausalLM.from_pretrained(directory)
    prompts = [("a", ""), ("a", "b c"), ("a", "b c d e f g h i j k l m n"), ("longer " * 9, "x")]
    replies = generate(
        HfLocalGenerator(directory, batch_size=3),
        [ask(q, p, temperature=0.0, max_new_tokens=20) for q, p in prompts],
    )
    for (question, prefix), reply in zip(prompts, replies, strict=True):
        text = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{prefix}"
        ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)
        out = model.generate(
            **ids, do_sample=False, max_new_tokens=20, eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip
        expected = out[0, ids["input_ids"].shape[1] :].tolist()
        if expected[-1] == tokenizer.eos_token_id:
            expected.pop()
        assert isinstance(reply, Completion)
        assert list(reply.token_ids) == expected


def free_text(qwen: Path) -> Completion:
    """A greedy completion of 12 tokens to cut up."""
    (reply,) = generate(HfLocalGenerator(qwen), [ask("abc", temperature=0.0)])
    assert isinstance(reply, Completion)
    assert reply.finish_reason == "length"
    assert reply.usage.generated_tokens == len(reply.token_ids) == 12
    return reply


def test_a_stop_text_ends_a_completion_and_is_cut_exactly(qwen: Path) -> None:
    whole = free_text(qwen)
    stop = whole.text[4:6]
    at = whole.text.find(stop)
    (reply,) = generate(HfLocalGenerator(qwen), [ask("abc", temperature=0.0, stop=("zq", stop))])
    assert isinstance(reply, Completion)
    assert (reply.text, reply.finish_reason) == (whole.text[:at], "stop")
    assert reply.usage.generated_tokens < 12


def test_a_stop_text_in_the_prefix_does_not_count(qwen: Path) -> None:
    requests = [ask("abc", "x\n\n", temperature=0.0, stop=stop) for stop in [(), ("x\n\n",)]]
    free, stopped = generate(HfLocalGenerator(qwen), requests)
    assert isinstance(free, Completion)
    assert isinstance(stopped, Completion)
    assert "x\n\n" not in free.text
    assert stopped == free.model_copy(update={"usage": stopped.usage})


def test_an_end_token_ends_a_completion(qwen: Path, tmp_path: Path) -> None:
    whole = free_text(qwen)
    end = whole.token_ids[5]
    first = whole.token_ids.index(end)
    directory = tmp_path / "ends"
    shutil.copytree(qwen, directory)
    (directory / "generation_config.json").write_text(json.dumps({"eos_token_id": [end]}))
    (reply,) = generate(HfLocalGenerator(directory), [ask("abc", temperature=0.0)])
    assert isinstance(reply, Completion)
    assert (reply.token_ids, reply.finish_reason) == (whole.token_ids[:first], "stop")
    assert reply.usage.generated_tokens == first + 1


def test_a_request_beyond_the_context_fails_and_the_others_go_on(qwen: Path) -> None:
    # the model knows 512 positions; one token a byte
    too_long, fits = generate(HfLocalGenerator(qwen), [ask("a" * 500), ask("a")])
    assert isinstance(too_long, Failure)
    assert too_long.kind == "too_long"
    assert isinstance(fits, Completion)


def test_the_last_position_can_be_written(qwen: Path) -> None:
    generator = HfLocalGenerator(qwen, batch_size=2)
    prompt = "<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n"
    n = len(AutoTokenizer.from_pretrained(qwen)(prompt)["input_ids"])
    requests = [ask("?", max_new_tokens=512 - n, seed=s) for s in range(2)]
    assert all(isinstance(r, Completion) for r in generate(generator, requests))
    (over,) = generate(generator, [ask("?", max_new_tokens=513 - n)])
    assert isinstance(over, Failure)


def test_a_shared_prefix_is_computed_once(qwen: Path) -> None:
    requests = [ask("abc", "one two", seed=s) for s in range(6)]
    replies = generate(HfLocalGenerator(qwen, batch_size=2, threads=1), requests)
    usages = [r.usage for r in replies if isinstance(r, Completion)]
    n = usages[0].prompt_tokens
    # the last prompt token is fed by each draw itself
    assert [u.prompt_tokens for u in usages] == [n] * 6
    assert sorted(u.cached_prompt_tokens for u in usages) == [0] + [n - 1] * 5


def test_the_model_id_names_the_content(qwen: Path, tmp_path: Path) -> None:
    other = tmp_path / qwen.name
    shutil.copytree(qwen, other)
    assert HfLocalGenerator(other).model_id == HfLocalGenerator(qwen).model_id
    assert HfLocalGenerator(other, dtype="bfloat16").model_id != HfLocalGenerator(qwen).model_id
    (other / "chat_template.jinja").write_text(CHATML + " ")
    assert HfLocalGenerator(other).model_id != HfLocalGenerator(qwen).model_id


def test_no_chat_template_is_an_error_before_weights_are_read(tmp_path: Path) -> None:
    tiny_backbone(tmp_path, tiny_tokenizer(template=None))
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="no chat template"):
        HfLocalGenerator(tmp_path)


def test_a_directory_without_safetensors_is_an_error(qwen: Path, tmp_path: Path) -> None:
    directory = tmp_path / "bare"
    shutil.copytree(qwen, directory)
    (directory / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="bare"):
        HfLocalGenerator(directory)


def test_layers_that_do_not_see_all_tokens_are_refused(qwen: Path, tmp_path: Path) -> None:
    directory = tmp_path / "sliding"
    shutil.copytree(qwen, directory)
    config = json.loads((directory / "config.json").read_text())
    config |= {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 0}
    config["layer_types"] = ["sliding_attention"] * 2
    (directory / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="sliding_attention"):
        HfLocalGenerator(directory)


def test_draws_of_one_prompt_follow_the_models_distribution(qwen: Path) -> None:
    n = 4_000
    requests = [ask("abc", seed=s, max_new_tokens=1) for s in range(n)]
    counts: dict[int, int] = {}
    for reply in generate(HfLocalGenerator(qwen, batch_size=500), requests):
        assert isinstance(reply, Completion)
        token = reply.token_ids[0] if reply.token_ids else -1
        counts[token] = counts.get(token, 0) + 1
    tokenizer = AutoTokenizer.from_pretrained(qwen)
    text = "<|im_start|>user\nabc<|im_end|>\n<|im_start|>assistant\n"
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(qwen)(**ids).logits[0, -1]
    likeliest = logits.softmax(-1).topk(5)
    for share, token in zip(likeliest.values.tolist(), likeliest.indices.tolist(), strict=True):
        spread = 4 * (share * (1 - share) / n) ** 0.5
        assert abs(counts.get(token, 0) / n - share) < spread


def test_many_prompts_that_part_after_a_shared_start_may_come_at_once(qwen: Path) -> None:
    # each finds the one before it, which has neither slot nor keys yet: nothing is to be copied
    other = ask("because " * 12, temperature=0.0)
    parting = [ask("why? " * 8, prefix=f"{i} is the first\n\n", temperature=0.0) for i in range(6)]
    requests = [other, *parting]
    together = generate(HfLocalGenerator(qwen, 8, threads=1), requests)
    alone = [generate(HfLocalGenerator(qwen, 8, threads=1), [r])[0] for r in requests]
    assert [texts(r) for r in together] == [texts(r) for r in alone]


def texts(reply: Completion | Failure) -> str:
    assert isinstance(reply, Completion)
    return reply.text
