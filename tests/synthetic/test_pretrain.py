from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from prmkit.errors import ConfigError
from prmkit.generators.base import Message, Request, Sampling, generate
from prmkit.generators.load import load_generator
from prmkit.synthetic.pretrain import PretrainOptions, pretrain, rate_share, settled_layers
from prmkit.synthetic.recipes import PretrainConfig

TINY = PretrainConfig(
    role="judge", layers=1, hidden=32, heads=2, ffn=32, updates=6, batch_tokens=512
)


ONE = PretrainOptions(device="cpu", threads=1, checkpoint_every=3)


class Stopped(Exception):
    pass


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


def test_reading_and_judging_have_a_schedule_each() -> None:
    config = TINY.model_copy(update={"updates": 3000, "reading_share": 1 / 3})
    # 1,000 updates of reading as above, then 2,000: 40 of warm-up, the middle at 1040 + 1960 / 2
    found = [rate_share(update, config) for update in (19, 510, 999, 1000, 1039, 2020)]
    assert found == pytest.approx([1.0, 0.51, 0.02, 0.025, 1.0, 0.51], abs=1e-4)


def test_layers_settle_as_the_stages_pass() -> None:
    config = TINY.model_copy(
        update={"layers": 5, "reading_layers": 1, "reading_share": 0.5, "saying_share": 1 / 3}
    )  # of six updates three of reading, one of all others, two of saying
    assert [settled_layers(update, config) for update in range(6)] == [0, 0, 0, 1, 3, 3]
    assert settled_layers(5, TINY) == 0


def test_interrupted_and_resumed_the_weights_are_equal(tmp_path: Path) -> None:
    pretrain(TINY, tmp_path / "straight", ONE)
    done: list[int] = []

    def interrupt(tokens: int) -> None:
        done.append(tokens)
        if len(done) == 5:  # two updates after the checkpoint, which are lost and done again
            raise Stopped

    with pytest.raises(Stopped):
        pretrain(TINY, tmp_path / "resumed", replace(ONE, on_update=interrupt))
    pretrain(TINY, tmp_path / "resumed", ONE)
    straight = load_file(tmp_path / "straight" / "model.safetensors")
    resumed = load_file(tmp_path / "resumed" / "model.safetensors")
    assert straight.keys() == resumed.keys()
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_a_device_that_is_not_there_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for device in ["gpu", *([] if torch.cuda.is_available() else ["cuda", "cuda:1"])]:
        with pytest.raises(ConfigError, match=f"device {device}: torch sees none.*allowed: cpu"):
            pretrain(TINY, tmp_path / "model", replace(ONE, device=device))
    assert not (tmp_path / "model").exists()


def test_settled_reading_layers_change_no_more_and_the_others_do(tmp_path: Path) -> None:
    config = TINY.model_copy(update={"layers": 4, "reading_layers": 1, "reading_share": 0.5})
    pretrain(config, tmp_path / "whole", ONE)
    pretrain(config.model_copy(update={"stop": 3}), tmp_path / "half", ONE)
    whole = load_file(tmp_path / "whole" / "model.safetensors")
    half = load_file(tmp_path / "half" / "model.safetensors")
    changed = {name for name in whole if not torch.equal(whole[name], half[name])}
    settled = ("model.embed_tokens.", "model.layers.0.")
    assert not [name for name in changed if name.startswith(settled)]
    assert {f"model.layers.{n}.mlp.up_proj.weight" for n in (1, 2, 3)} <= changed


def test_what_it_writes_is_an_ordinary_checkpoint_that_generates(tmp_path: Path) -> None:
    pretrain(TINY, tmp_path / "model", ONE)
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
