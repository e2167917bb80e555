import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import tiny_config, tiny_tokenizer
from transformers import LlamaConfig, LlamaForTokenClassification

from prmkit.errors import ModelError
from prmkit.scoring.checkpoint import load_checkpoint, save_checkpoint
from prmkit.scoring.families import FAMILIES, Family, Formatter
from prmkit.scoring.head import HEAD_TENSORS, Qwen2ForProcessRewardModel

OWN = Family(name="own", system="Be strict.", step_token="<extra_0>", joiner="\n", positive=0)


def saved(directory: Path, family: Family = OWN) -> Path:
    tokenizer = tiny_tokenizer("<extra_0>")
    torch.manual_seed(0)
    model = Qwen2ForProcessRewardModel(tiny_config(len(tokenizer), tie_word_embeddings=False))
    save_checkpoint(model, Formatter(tokenizer, family), directory)
    return directory


def edit_tensors(
    directory: Path, new: Mapping[str, torch.Tensor] = MappingProxyType({}), drop: str = ""
) -> None:
    path = directory / "model.safetensors"
    tensors = {name: tensor for name, tensor in load_file(path).items() if name != drop}
    save_file(tensors | dict(new), path, metadata={"format": "pt"})


def edit_config(directory: Path, **changes: object) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_is_saved_comes_back_equal(tmp_path: Path) -> None:
    loaded = load_checkpoint(saved(tmp_path), device="cpu")
    assert loaded.formatter.family == OWN
    assert loaded.formatter.render("q", ["s"]).startswith(
        "<|im_start|>system\nBe strict.<|im_end|>"
    )
    assert not loaded.model.training
    stored = load_file(tmp_path / "model.safetensors")
    assert loaded.model.state_dict().keys() == stored.keys()
    assert all(torch.equal(stored[name], t) for name, t in loaded.model.state_dict().items())


def test_the_model_id_changes_with_the_weights_and_not_with_the_place(tmp_path: Path) -> None:
    first = load_checkpoint(saved(tmp_path / "a" / "prm"), device="cpu").model_id
    same = load_checkpoint(saved(tmp_path / "b" / "prm"), device="cpu").model_id
    edit_tensors(tmp_path / "b" / "prm", {"score.2.bias": torch.ones(2)})
    other = load_checkpoint(tmp_path / "b" / "prm", device="cpu").model_id
    assert first == same != other
    assert first.startswith("prm@")


def test_a_published_directory_loads_without_running_its_code(tmp_path: Path) -> None:
    # auto_map and the lm_head tensor as in Qwen2.5-Math-PRM-7B; no prm.json there
    saved(tmp_path)
    (tmp_path / "prm.json").unlink()
    edit_config(
        tmp_path,
        auto_map={
            "AutoConfig": "configuration_qwen2_rm.Qwen2RMConfig",
            "AutoModel": "modeling_qwen2_rm.Qwen2ForProcessRewardModel",
        },
        sliding_window=131072,
        use_sliding_window=False,
    )
    for name in ("configuration_qwen2_rm.py", "modeling_qwen2_rm.py"):
        (tmp_path / name).write_text("raise SystemExit('remote code was run')")
    edit_tensors(tmp_path, {"lm_head.weight": torch.zeros(260, 32)})
    loaded = load_checkpoint(tmp_path, device="cpu")
    assert type(loaded.model) is Qwen2ForProcessRewardModel
    assert loaded.formatter.family == FAMILIES["qwen2.5-math-prm"]


@pytest.mark.parametrize("name", [*HEAD_TENSORS, "model.layers.1.mlp.up_proj.weight"])
def test_a_missing_tensor_is_named(tmp_path: Path, name: str) -> None:
    edit_tensors(saved(tmp_path), drop=name)
    with pytest.raises(ModelError, match=f"{name} is missing"):
        load_checkpoint(tmp_path, device="cpu")


def test_a_head_of_another_width_is_refused(tmp_path: Path) -> None:
    edit_tensors(saved(tmp_path), {"score.2.weight": torch.zeros(3, 32)})
    with pytest.raises(ModelError, match="has 3 outputs, not 2"):
        load_checkpoint(tmp_path, device="cpu")


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    (saved(tmp_path) / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin is a pickle and not read"):
        load_checkpoint(tmp_path, device="cpu")


def test_another_architecture_is_refused_by_name(tmp_path: Path) -> None:
    edit_config(saved(tmp_path), architectures=["Qwen2ForCausalLM"])
    with pytest.raises(ModelError, match="Qwen2ForCausalLM"):
        load_checkpoint(tmp_path, device="cpu")


@pytest.mark.parametrize("name", ["config.json", "prm.json"])
def test_an_unreadable_file_is_named(tmp_path: Path, name: str) -> None:
    (saved(tmp_path) / name).write_text("{")
    with pytest.raises(ModelError, match=name):
        load_checkpoint(tmp_path, device="cpu")


def test_a_directory_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    for path in tmp_path.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ModelError, match="tokenizer"):
        load_checkpoint(tmp_path, device="cpu")


def test_a_token_classifier_of_another_architecture_loads(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer("<extra_0>")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=48,
        num_labels=2,
    )
    model = LlamaForTokenClassification(config)
    save_checkpoint(model, Formatter(tokenizer, OWN), tmp_path)
    assert type(load_checkpoint(tmp_path, device="cpu").model) is LlamaForTokenClassification
