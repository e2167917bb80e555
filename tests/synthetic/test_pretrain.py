from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from prmkit.generators.base import Message, Request, Sampling, generate
from prmkit.generators.load import load_generator
from prmkit.synthetic.pretrain import (
    PretrainConfig,
    batch_loss,
    batches,
    build_model,
    pretrain,
    rate_share,
)
from prmkit.synthetic.tokenizer import build_tokenizer

TINY = PretrainConfig(
    role="judge", layers=1, hidden=32, heads=2, ffn=32, updates=6, batch_tokens=512
)


class Stopped(Exception):
    pass


def test_a_batch_depends_on_the_seed_and_its_number_alone() -> None:
    whole = list(batches(TINY))
    tail = list(batches(TINY, start=4))
    assert len(whole) == 6
    assert all(
        torch.equal(a.ids, b.ids) and torch.equal(a.weights, b.weights)
        for a, b in zip(whole[4:], tail, strict=True)
    )


def test_stopping_early_changes_no_batch_before() -> None:
    early = list(batches(TINY.model_copy(update={"stop": 4})))
    assert len(early) == 4
    whole = list(batches(TINY))
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(early, whole, strict=False))


def test_the_rate_warms_up_falls_and_cools_before_an_early_stop() -> None:
    config = TINY.model_copy(update={"updates": 1000})
    # 2 % warm-up = 20 updates; the cosine's middle, 0.02 + 0.98 / 2, lies at 20 + 980 / 2 = 510
    found = [rate_share(update, config) for update in (0, 19, 20, 510)]
    assert found == pytest.approx([0.05, 1.0, 1.0, 0.51])
    assert rate_share(999, config) == pytest.approx(0.02, abs=1e-4)
    cooled = config.model_copy(update={"stop": 610, "cool": 200})
    assert rate_share(510, cooled) == pytest.approx(0.51 * 100 / 200)
    assert rate_share(410, cooled) == rate_share(410, config)
    assert rate_share(609, cooled) == pytest.approx(rate_share(609, config) / 200)


def test_padding_and_prompts_are_not_trained_on() -> None:
    tokenizer = build_tokenizer()
    pad = tokenizer.token_to_id("<|endoftext|>")
    batch = next(iter(batches(TINY.model_copy(update={"role": "policy"}))))
    assert not batch.weights[batch.ids == pad].any()
    opened = tokenizer.token_to_id("<|im_start|>")
    assert not batch.weights[batch.ids == opened].any()
    assert batch.weights.any(dim=1).all()


def test_a_judge_writes_first_and_is_then_to_say_right_or_wrong_while_it_reads() -> None:
    tokenizer = build_tokenizer()
    words = {tokenizer.encode(word).ids[0] for word in (" right", " wrong")}
    config = TINY.model_copy(update={"updates": 96, "batch_tokens": 4096})
    tag = tokenizer.token_to_id("</")
    assert not (next(batches(config)).ids == tag).any()
    batch = next(batches(config, start=48))
    for row, targets in zip(batch.ids.tolist(), batch.targets.tolist(), strict=True):
        asked = row.index(tokenizer.token_to_id("<|im_end|>"))
        assert words & set(targets[:asked])  # though the text it reads has neither word


def test_loss_of_an_untrained_model_is_that_of_a_uniform_guess() -> None:
    model = build_model(TINY)
    for parameter in model.lm_head.parameters():
        torch.nn.init.zeros_(parameter)
    loss = batch_loss(model, next(iter(batches(TINY))))
    expected = torch.tensor(float(build_tokenizer().get_vocab_size())).log()
    torch.testing.assert_close(loss, expected)


def test_interrupted_and_resumed_the_weights_are_equal(tmp_path: Path) -> None:
    pretrain(TINY, tmp_path / "straight", threads=1, checkpoint_every=3)
    done: list[int] = []

    def interrupt(tokens: int) -> None:
        done.append(tokens)
        if len(done) == 5:  # two updates after the checkpoint, which are lost and done again
            raise Stopped

    with pytest.raises(Stopped):
        pretrain(TINY, tmp_path / "resumed", 1, interrupt, checkpoint_every=3)
    pretrain(TINY, tmp_path / "resumed", threads=1, checkpoint_every=3)
    straight = load_file(tmp_path / "straight" / "model.safetensors")
    resumed = load_file(tmp_path / "resumed" / "model.safetensors")
    assert straight.keys() == resumed.keys()
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_what_it_writes_is_an_ordinary_checkpoint_that_generates(tmp_path: Path) -> None:
    pretrain(TINY, tmp_path / "model", threads=1)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert model.config.architectures == ["Qwen2ForCausalLM"]
    assert not model.config.tie_word_embeddings
    request = Request(
        messages=(Message(role="user", content="Ana has 3 pens."),),
        seed=1,
        sampling=Sampling(max_new_tokens=5),
    )
    (reply,) = generate(load_generator(str(tmp_path / "model"), 4), [request])
    assert reply.usage.generated_tokens >= 1  # type: ignore[union-attr]
