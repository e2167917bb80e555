"""The start of a PRM: a language model's backbone with an untrained head and a step token.

Qwen2 backbones get the published two-layer head; any other architecture gets the linear head of its
`*ForTokenClassification`. Everything else of the configuration (rms_norm_eps, rope_theta, ...) is
the source checkpoint's own.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from prmkit.errors import MissingExtra, ModelError
from prmkit.generators.quiet import quiet
from prmkit.scoring.checkpoint import load_tokenizer, stored_tensors
from prmkit.scoring.families import Family, Formatter
from prmkit.scoring.head import N_CLASSES, Qwen2ForProcessRewardModel

try:
    import torch
    from torch import nn
    from transformers import AutoConfig, AutoModelForTokenClassification
except ImportError as error:
    raise MissingExtra.of(str(error.name), "local") from error

_RENAMED = {"<extra_0>": "<|quad_end|>"}
"""Published PRMs gave the unused `<|quad_end|>` of Qwen2.5 (id 151651, which vLLM scores at unless
told otherwise) a new name; a PRM made from the same base does the same."""


def from_backbone(directory: Path, family: Family, seed: int) -> tuple[Any, Formatter]:
    """Start a PRM from a causal language model; its `lm_head` is left behind.

    Args:
        directory: A local model directory with safetensors weights and a chat template.
        family: How the PRM will want its text.
        seed: Decides the head's weights.

    Returns:
        The model in fp32, and the formatter on the tokenizer, which knows the step token.

    Raises:
        ModelError: the directory is not a usable language model.
    """
    tokenizer = add_step_token(load_tokenizer(directory), family.step_token)
    formatter = Formatter(tokenizer, family)
    model = _load_backbone(directory)
    n_known = model.config.vocab_size
    if len(tokenizer) > n_known:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    initialise(model, n_known, seed)
    model.config.use_cache = False
    model.config.tie_word_embeddings = False
    return model, formatter


def add_step_token(tokenizer: Any, step_token: str) -> Any:
    """The tokenizer with `step_token` as one special token; the same object if it has it."""
    if step_token in tokenizer.get_vocab():
        return tokenizer
    spare = _RENAMED.get(step_token)
    if spare is not None and spare in tokenizer.get_added_vocab():
        return _rename(tokenizer, spare, step_token)
    tokenizer.add_special_tokens(
        {"extra_special_tokens": [step_token]}, replace_extra_special_tokens=False
    )
    return tokenizer


def initialise(model: Any, n_known: int, seed: int) -> None:
    """Draw what the backbone does not bring from a normal of the model's own width.

    Args:
        model: As `from_backbone` loads it.
        n_known: Rows of the embedding that the backbone brought; those after them are drawn.
        seed: Decides the draws, whatever the state of the global generators.
    """
    draws = torch.Generator().manual_seed(seed)
    std = model.config.initializer_range
    with torch.no_grad():
        model.get_input_embeddings().weight[n_known:].normal_(std=std, generator=draws)
        for layer in model.score.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.normal_(std=std, generator=draws)
                if layer.bias is not None:
                    layer.bias.zero_()


def _load_backbone(directory: Path) -> Any:
    stored_tensors(directory)
    try:
        config = AutoConfig.from_pretrained(
            directory, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{directory}: no usable configuration: {error}") from error
    qwen2 = config.model_type == "qwen2"
    kind = Qwen2ForProcessRewardModel if qwen2 else AutoModelForTokenClassification
    labels = {} if qwen2 else {"num_labels": N_CLASSES}
    with quiet():
        model, report = kind.from_pretrained(
            directory,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            **labels,
        )
    missing = sorted(name for name in report["missing_keys"] if not name.startswith("score."))
    if missing:
        raise ModelError(f"{directory}: tensor {', '.join(missing)} is missing")
    return model


def _rename(tokenizer: Any, old: str, new: str) -> Any:
    """A copy of the tokenizer in which special token `old` is called `new`; the id stays."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
            path = Path(folder) / name
            if path.exists():
                renamed = _replace(json.loads(path.read_text()), old, new)
                path.write_text(json.dumps(renamed, ensure_ascii=False))
        return load_tokenizer(Path(folder))


def _replace(value: Any, old: str, new: str) -> Any:
    """`value` with each string equal to `old`, key or leaf, replaced."""
    if isinstance(value, dict):
        return {_replace(k, old, new): _replace(v, old, new) for k, v in value.items()}
    if isinstance(value, list):
        return [_replace(v, old, new) for v in value]
    return new if value == old else value
