from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import tiny_backbone, tiny_llama, tiny_tokenizer
from transformers import AutoTokenizer

from prmkit.errors import ModelError
from prmkit.scoring.checkpoint import save_checkpoint
from prmkit.scoring.families import FAMILIES, TokenRow
from prmkit.scoring.head import HEAD_TENSORS, Qwen2ForProcessRewardModel
from prmkit.training.backbone import add_step_token, from_backbone

FAMILY = FAMILIES["prmkit"]


def test_the_backbone_and_its_settings_are_copied_and_the_lm_head_is_left(tmp_path: Path) -> None:
    stored = load_file(tiny_backbone(tmp_path) / "model.safetensors")
    model, _ = from_backbone(tmp_path, FAMILY, seed=0)
    tensors = model.state_dict()
    embedding = stored.pop("model.embed_tokens.weight")
    assert torch.equal(tensors["model.embed_tokens.weight"][: len(embedding)], embedding)
    assert all(torch.equal(tensors[name], tensor) for name, tensor in stored.items())
    assert not any(name.startswith("lm_head") for name in tensors)
    assert model.config.rms_norm_eps == 1e-5  # the source's; the default is 1e-6
    assert model.config.tie_word_embeddings is False


def test_the_step_token_is_one_new_id_that_survives_saving(tmp_path: Path) -> None:
    base = tiny_backbone(tmp_path / "base")
    n_before = len(tiny_tokenizer())
    model, formatter = from_backbone(base, FAMILY, seed=0)
    assert formatter.step_token_id == n_before == model.config.vocab_size - 1
    save_checkpoint(model, formatter, tmp_path / "prm")
    again = AutoTokenizer.from_pretrained(tmp_path / "prm")
    assert again.encode("<extra_0>", add_special_tokens=False) == [n_before]
    assert again.chat_template == tiny_tokenizer().chat_template


def test_the_unused_token_of_qwen_gets_the_published_name_and_keeps_its_id(tmp_path: Path) -> None:
    # Qwen2.5: <|quad_end|> has id 151651, the id at which vLLM scores a published PRM
    base = tiny_backbone(tmp_path, tiny_tokenizer("<|quad_start|>", "<|quad_end|>", "<|last|>"))
    before = tiny_tokenizer("<|quad_start|>", "<|quad_end|>", "<|last|>")
    model, formatter = from_backbone(base, FAMILY, seed=0)
    assert formatter.step_token_id == before.convert_tokens_to_ids("<|quad_end|>")
    assert len(formatter.tokenizer) == len(before) == model.config.vocab_size
    assert "<|quad_end|>" not in formatter.tokenizer.get_vocab()
    row = formatter.tokenise("q", ["a"], 99)
    assert isinstance(row, TokenRow)
    assert len(row.positions) == 1


def test_a_tokenizer_that_has_the_step_token_is_left_alone() -> None:
    tokenizer = tiny_tokenizer("<extra_0>")
    assert add_step_token(tokenizer, "<extra_0>") is tokenizer
    assert len(tokenizer) == len(tiny_tokenizer("<extra_0>"))


def test_other_special_tokens_stay_special_beside_a_new_one() -> None:
    tokenizer = add_step_token(tiny_tokenizer(), "<extra_0>")
    special = {t.content for t in tokenizer.added_tokens_decoder.values() if t.special}
    assert {"<|im_start|>", "<|im_end|>", "<|endoftext|>", "<extra_0>"} == special


def test_the_seed_alone_decides_the_new_weights(tmp_path: Path) -> None:
    tiny_backbone(tmp_path)
    torch.manual_seed(1)
    one, _ = from_backbone(tmp_path, FAMILY, seed=5)
    torch.manual_seed(2)
    same, _ = from_backbone(tmp_path, FAMILY, seed=5)
    other, _ = from_backbone(tmp_path, FAMILY, seed=6)
    for name in (*HEAD_TENSORS, "model.embed_tokens.weight"):
        assert torch.equal(one.state_dict()[name], same.state_dict()[name])
    weight = "score.0.weight"
    assert not torch.equal(one.state_dict()[weight], other.state_dict()[weight])


def test_another_architecture_becomes_a_token_classifier(tmp_path: Path) -> None:
    model, _ = from_backbone(tiny_llama(tmp_path), FAMILY, seed=0)
    assert type(model).__name__ == "LlamaForTokenClassification"
    assert model.score.weight.shape == (2, 32)


def test_a_qwen2_backbone_becomes_the_published_class(tmp_path: Path) -> None:
    model, _ = from_backbone(tiny_backbone(tmp_path), FAMILY, seed=0)
    assert type(model) is Qwen2ForProcessRewardModel
    assert model.dtype == torch.float32


def test_an_incomplete_backbone_is_refused_naming_the_tensor(tmp_path: Path) -> None:
    path = tiny_backbone(tmp_path) / "model.safetensors"
    tensors = load_file(path)
    del tensors["model.norm.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"model\.norm\.weight is missing"):
        from_backbone(tmp_path, FAMILY, seed=0)


def test_a_directory_without_weights_is_refused(tmp_path: Path) -> None:
    tiny_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="no safetensors file"):
        from_backbone(tmp_path, FAMILY, seed=0)
