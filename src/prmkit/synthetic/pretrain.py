"""Train the synthetic world's models from scratch.

Examples are drawn fresh for every update from the world's generator, so nothing is seen twice and
a run is resumed by counting updates. Matrices of the blocks are updated by Muon (orthogonalised
momentum, as in torch.optim.Muon), everything else by AdamW. Names are exchangeable in the data, so
what all their embeddings learn is the same at first; embeddings that are tied, decayed or small
beside the rate collapse onto one vector, and every name is then predicted uniformly. So they are
untied, never decayed, and start large.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from prmkit.errors import ConfigError
from prmkit.synthetic.batches import batches
from prmkit.synthetic.losses import GATHERED, batch_losses
from prmkit.synthetic.recipes import PretrainConfig
from prmkit.synthetic.start import (
    THETA,
    start_copying,
    start_finding,
    start_judging,
    start_reading,
)
from prmkit.synthetic.tokenizer import END_OF_TEXT, TURN_END, build_tokenizer, save_tokenizer

_CONTEXT = 2048


def _attend(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float, **_: Any
) -> tuple[Any, None]:
    """Causal attention by matrices in bfloat16, (B, H, T, D) in, (B, T, H, D) out.

    On a CPU, at these lengths, twice as fast as torch's fused kernel (docs/log.md).
    """
    import torch

    scores = (query * scaling) @ key.transpose(-1, -2)
    # in place: memory is what costs time here
    scores += _later(query.shape[2], query.dtype, query.device)
    return (torch.softmax(scores, -1) @ value).transpose(1, 2), None


@lru_cache(maxsize=8)
def _later(length: int, dtype: Any, device: Any) -> Any:
    import torch

    return torch.full((length, length), -math.inf, dtype=dtype, device=device).triu(1)


def _train_fast(model: Any) -> None:
    from transformers import AttentionInterface

    AttentionInterface.register("prmkit_matrices", _attend)
    model.set_attn_implementation("prmkit_matrices")


def build_model(config: PretrainConfig) -> Any:
    """A fresh Qwen2 causal LM in the given size."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = build_tokenizer()
    torch.manual_seed(config.seed)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=config.hidden,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            intermediate_size=config.ffn,
            max_position_embeddings=_CONTEXT,
            rope_parameters={"rope_type": "default", "rope_theta": THETA},
            tie_word_embeddings=False,
            use_sliding_window=False,
            bos_token_id=None,
            eos_token_id=tokenizer.token_to_id(TURN_END),
            pad_token_id=tokenizer.token_to_id(END_OF_TEXT),
        )
    )
    start_copying(model)
    start_finding(model)
    if config.start is not None:
        start_reading(model, config.start)
    if config.reading_layers is not None and config.reading_layers < config.layers:
        start_judging(model, config.reading_layers)
    return model


def _optimizers(model: Any, config: PretrainConfig) -> list[Any]:
    import torch

    matrices = [p for n, p in model.model.layers.named_parameters() if p.ndim == 2]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(matrices, lr=config.learning_rate, weight_decay=0.0, ns_steps=5),
        torch.optim.AdamW(
            rest, lr=config.learning_rate / 5, betas=(0.9, 0.98), weight_decay=0.0, fused=True
        ),
    ]


def rate_share(update: int, config: PretrainConfig) -> float:
    """The rate as a share of its peak.

    Linear warm-up over 2 % of the stage's updates, then a cosine to 2 %; times a linear fall over
    the last `cool` updates before the stop.
    """
    bounds = [0, *config.stages, config.updates]
    begin, end = next((a, b) for a, b in pairwise(bounds) if update < b)
    warmup = max(1, (end - begin) // 50)
    if update - begin < warmup:
        return (update - begin + 1) / warmup
    done = (update - begin - warmup) / max(1, end - begin - warmup)
    cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))
    if not config.cool or config.stop is None:
        return cosine
    return cosine * min(1.0, (config.stop - update) / config.cool)


def settled_layers(update: int, config: PretrainConfig) -> int:
    """How many of a judge's first layers change no more."""
    reading_over, only_saying = config.stages
    if config.reading_layers is None or update < reading_over:
        return 0
    return config.reading_layers + (GATHERED if update >= only_saying else 0)


def _settle(model: Any, n_layers: int) -> None:
    """Let the first layers, and the embeddings that they read, change no more."""
    if not n_layers:
        return
    for part in (model.model.embed_tokens, *model.model.layers[:n_layers]):
        part.requires_grad_(False)


class _Log:
    """Appends a line of JSON every so many updates."""

    def __init__(self, path: Path, every: int) -> None:
        self._path, self._every = path, every
        self._losses: list[float] = []
        self._tokens, self._since = 0, time.monotonic()

    def add(self, update: int, loss: float, tokens: int) -> None:
        self._losses.append(loss)
        self._tokens += tokens
        if (update + 1) % self._every:
            return
        now = time.monotonic()
        row = {
            "update": update + 1,
            "loss": round(sum(self._losses) / len(self._losses), 4),
            "tokens_per_s": round(self._tokens / (now - self._since)),
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self._losses, self._tokens, self._since = [], 0, now


@dataclass(frozen=True)
class PretrainOptions:
    """How to train; none of it changes what is learnt, beyond rounding."""

    device: str | None = None
    """cpu or cuda; None = the accelerator if there is one."""
    threads: int | None = None
    """CPU threads; None = all cores."""
    workers: int = 0
    """Processes that draw examples, for a device that is faster than one; 0 = none but this."""
    checkpoint_every: int = 500
    """Updates between two checkpoints."""
    on_update: Callable[[int], None] | None = None
    """Called after each update with its number of tokens."""


def pretrain(
    config: PretrainConfig, out: Path, options: PretrainOptions = PretrainOptions()
) -> Path:
    """Train one model and write it to `out` as a Hugging Face checkpoint.

    Interrupted, it goes on from its last checkpoint. A curve is kept in `out/log.jsonl`.

    Args:
        config: What to train.
        out: Folder to write; created.
        options: How.

    Raises:
        ConfigError: the device is not there.
    """
    import torch

    from prmkit.scoring.checkpoint import default_device

    if options.threads is not None:
        torch.set_num_threads(options.threads)
    device = options.device or default_device()
    here = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    if device.split(":")[0] not in here:
        raise ConfigError(f"device {device}: torch sees none here; allowed: {', '.join(here)}")
    out.mkdir(parents=True, exist_ok=True)
    model = build_model(config).to(device)
    optimizers = _optimizers(model, config)
    peaks = [o.param_groups[0]["lr"] for o in optimizers]
    start = _restore(out / "resume.safetensors", model, optimizers)
    log = _Log(out / "log.jsonl", every=50)
    _train_fast(model)
    model.train()
    for update, drawn in enumerate(batches(config, start, options.workers), start):
        batch = drawn.to(device)
        for optimizer, peak in zip(optimizers, peaks, strict=True):
            optimizer.param_groups[0]["lr"] = peak * rate_share(update, config)
        _settle(model, settled_layers(update, config))
        loss = sum(batch_losses(model, batch, config, update))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        log.add(update, float(loss.detach()), batch.ids.numel())
        if options.on_update is not None:
            options.on_update(batch.ids.numel())
        if (update + 1) % options.checkpoint_every == 0:
            _keep(out / "resume.safetensors", model, optimizers, update + 1)
    save_model(model, out)
    return out


def save_model(model: Any, out: Path) -> None:
    """Write weights (bfloat16), configuration and tokenizer."""
    import torch

    model.to(torch.bfloat16).save_pretrained(out)
    save_tokenizer(out)


def _state(model: Any, optimizers: list[Any]) -> dict[str, Any]:
    """Weights and optimiser state as named tensors, so that no pickle is needed."""
    import torch

    tensors = {f"model.{n}": p for n, p in model.state_dict().items()}
    for i, optimizer in enumerate(optimizers):
        for j, parameter in enumerate(optimizer.param_groups[0]["params"]):
            for name, value in optimizer.state[parameter].items():
                tensors[f"optimizer.{i}.{j}.{name}"] = torch.as_tensor(value)
    return {n: t.detach().clone().contiguous() for n, t in tensors.items()}


def _keep(path: Path, model: Any, optimizers: list[Any], update: int) -> None:
    from safetensors.torch import save_file

    save_file(_state(model, optimizers), path.with_suffix(".tmp"), {"update": str(update)})
    path.with_suffix(".tmp").replace(path)


def _restore(path: Path, model: Any, optimizers: list[Any]) -> int:
    """Load what `_keep` wrote, if anything; the number of updates done."""
    from safetensors import safe_open

    if not path.exists():
        return 0
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        update = int(file.metadata()["update"])
    model.load_state_dict({n[6:]: t for n, t in tensors.items() if n.startswith("model.")})
    for i, optimizer in enumerate(optimizers):
        parameters = optimizer.param_groups[0]["params"]
        for name, tensor in tensors.items():
            if name.startswith(f"optimizer.{i}."):
                _, _, j, key = name.split(".", 3)
                parameter = parameters[int(j)]
                optimizer.state[parameter][key] = tensor.to(parameter.device)
    return update
