"""Our own class for PRMs in the layout of Qwen2.5-Math-PRM; no remote code is needed or run.

A Qwen2 backbone (`model.*`) and a head of two linear layers (`score.0`, `score.2`); output index 1
is "right". The same tensors and names are served by vLLM's `Qwen2ForProcessRewardModel`.
"""

from typing import Any

from prmkit.errors import MissingExtra, ModelError

try:
    import torch
    from torch import nn
    from transformers import Qwen2Config, Qwen2Model, Qwen2PreTrainedModel
    from transformers.modeling_outputs import TokenClassifierOutput
except ImportError as error:
    raise MissingExtra.of(str(error.name), "local") from error

N_CLASSES = 2
HEAD_TENSORS = ("score.0.weight", "score.0.bias", "score.2.weight", "score.2.bias")


class Qwen2ForProcessRewardModel(Qwen2PreTrainedModel):  # type: ignore[misc]  # untyped base
    """A Qwen2 backbone with the two-layer head of Qwen2.5-Math-PRM."""

    _keys_to_ignore_on_load_unexpected = (r"^lm_head\.",)
    _keep_in_fp32_modules_strict = frozenset({"score"})

    def __init__(self, config: Qwen2Config) -> None:
        super().__init__(config)
        self.num_labels = N_CLASSES
        self.model = Qwen2Model(config)
        self.score = nn.Sequential(
            nn.Linear(config.hidden_size, config.hidden_size),
            nn.ReLU(),
            nn.Linear(config.hidden_size, N_CLASSES),
        )
        self.post_init()

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        step_mask: torch.Tensor | None = None,
    ) -> Any:
        """Logits of "wrong" and "right", in fp32.

        Args:
            input_ids: [batch, tokens], padded on the right.
            attention_mask: [batch, tokens]; not needed with padding on the right, which no earlier
                token can see.
            step_mask: [batch, tokens], True where a score is wanted.

        Returns:
            `logits` of [steps, 2], in row-major order of the mask; [batch, tokens, 2] without one.
        """
        hidden = self.model(
            input_ids=input_ids, attention_mask=attention_mask, use_cache=False
        ).last_hidden_state
        chosen = hidden if step_mask is None else hidden[step_mask]
        with torch.autocast(hidden.device.type, enabled=False):
            logits = self.score(chosen.to(self.score[0].weight.dtype))
        return TokenClassifierOutput(logits=logits.float())


def step_logits(model: Any, input_ids: torch.Tensor, step_mask: torch.Tensor) -> torch.Tensor:
    """Logits at the step tokens of any PRM with two outputs a token.

    Args:
        model: A `Qwen2ForProcessRewardModel` or a `*ForTokenClassification`, wrapped or not.
        input_ids: [batch, tokens], padded on the right.
        step_mask: [batch, tokens], True at the step tokens.

    Returns:
        [steps, 2] in fp32, in row-major order of the mask.

    Raises:
        ModelError: the model's last dimension is not 2 (a language model's is its vocabulary).
    """
    if isinstance(getattr(model, "module", model), Qwen2ForProcessRewardModel):
        logits = model(input_ids=input_ids, step_mask=step_mask).logits
    else:
        logits = model(input_ids=input_ids).logits[step_mask]
    if logits.shape[-1] != N_CLASSES:
        raise ModelError(f"the model gives {logits.shape[-1]} outputs a token, not {N_CLASSES}")
    return torch.as_tensor(logits).float()
