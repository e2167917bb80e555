from pathlib import Path

import pytest
import torch
from tiny_models import tiny_backbone, tiny_config
from transformers import Qwen2ForCausalLM, Qwen2Model

from prmkit.errors import ModelError
from prmkit.scoring.head import HEAD_TENSORS, Qwen2ForProcessRewardModel, step_logits

IDS = torch.tensor([[5, 6, 7, 8, 9, 7], [5, 7, 6, 7, 0, 0]])
MASK = torch.tensor([[0, 0, 1, 0, 0, 1], [0, 1, 0, 1, 0, 0]], dtype=torch.bool)


def model() -> Qwen2ForProcessRewardModel:
    torch.manual_seed(0)
    made = Qwen2ForProcessRewardModel(tiny_config(16))
    made.eval()
    for name in ("score.0.bias", "score.2.bias"):
        torch.nn.init.normal_(made.get_parameter(name))
    return made


def test_logits_equal_a_plain_computation_of_backbone_and_two_linear_layers() -> None:
    prm = model()
    backbone = Qwen2Model(prm.config).eval()
    backbone.load_state_dict(prm.model.state_dict())
    tensors = prm.state_dict()
    with torch.no_grad():
        hidden = backbone(input_ids=IDS, attention_mask=(IDS != 0).long()).last_hidden_state
        inner = hidden @ tensors["score.0.weight"].T + tensors["score.0.bias"]
        reference = inner.clamp(min=0) @ tensors["score.2.weight"].T + tensors["score.2.bias"]
        found = step_logits(prm, IDS, MASK)
        everywhere = prm(IDS, attention_mask=(IDS != 0).long()).logits
    torch.testing.assert_close(found, reference[MASK])
    torch.testing.assert_close(everywhere, reference)


def test_tensors_have_the_published_names_and_shapes() -> None:
    # reference layout: backbone under `model.`, score.0 [h, h], score.2 [2, h], no lm_head; h = 32
    prm = model()
    shapes = {name: tuple(tensor.shape) for name, tensor in prm.state_dict().items()}
    assert {name: shapes.pop(name) for name in HEAD_TENSORS} == {
        "score.0.weight": (32, 32),
        "score.0.bias": (32,),
        "score.2.weight": (2, 32),
        "score.2.bias": (2,),
    }
    assert set(shapes) == {f"model.{name}" for name in Qwen2Model(prm.config).state_dict()}


def test_the_saved_configuration_names_the_architecture_and_is_qwen2(tmp_path: Path) -> None:
    model().save_pretrained(tmp_path)
    config = type(model().config).from_pretrained(tmp_path)
    assert config.architectures == ["Qwen2ForProcessRewardModel"]
    assert config.model_type == "qwen2"
    assert config.rms_norm_eps == 1e-5
    assert [p.name for p in tmp_path.glob("*.safetensors")] == ["model.safetensors"]


def test_the_head_is_computed_in_fp32_under_autocast_and_in_a_bf16_model() -> None:
    prm = model().to(torch.bfloat16)
    prm.score.float()
    assert step_logits(prm, IDS, MASK).dtype == torch.float32
    seen: list[torch.dtype] = []
    fp32 = model()
    fp32.score[2].register_forward_hook(lambda _m, _i, out: seen.append(out.dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        step_logits(fp32, IDS, MASK)
    assert seen == [torch.float32]


def test_a_half_precision_load_keeps_the_head_in_fp32(tmp_path: Path) -> None:
    model().save_pretrained(tmp_path)
    loaded = Qwen2ForProcessRewardModel.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert loaded.score[0].weight.dtype == torch.float32
    assert loaded.model.norm.weight.dtype == torch.bfloat16


def test_a_language_model_is_refused_by_its_width(tmp_path: Path) -> None:
    # its last dimension is the vocabulary; taken for scores it would give thousands of numbers
    language_model = Qwen2ForCausalLM.from_pretrained(tiny_backbone(tmp_path)).eval()
    with torch.no_grad(), pytest.raises(ModelError, match="259 outputs a token, not 2"):
        step_logits(language_model, IDS, MASK)
