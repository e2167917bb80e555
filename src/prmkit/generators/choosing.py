"""Choose the next token of each row: temperature, top-k, top-p, seeded draw.

The order is Hugging Face's: temperature, then top-k, then top-p over what is left.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from prmkit.generators.base import Request
from prmkit.generators.noise import exponentials

_LIKELIEST = 64  # nucleus borders almost always lie among these; a full sort costs 3x as much


@dataclass(frozen=True)
class Draws:
    """How each of B rows draws; one tensor of shape (B,) a setting."""

    seed: Tensor
    """int64, the seed of the row's draw."""
    temperature: Tensor
    """float32; 0 = greedy."""
    top_k: Tensor
    """int64; 0 = all tokens."""
    top_p: Tensor
    """float32 in (0, 1]."""

    @classmethod
    def of(cls, requests: list[Request], device: torch.device) -> "Draws":
        """The settings of these requests, in order."""
        samplings = [r.sampling for r in requests]
        return cls(
            torch.tensor([r.seed for r in requests], dtype=torch.int64, device=device),
            torch.tensor([s.temperature for s in samplings], dtype=torch.float32, device=device),
            torch.tensor([s.top_k for s in samplings], dtype=torch.int64, device=device),
            torch.tensor([s.top_p for s in samplings], dtype=torch.float32, device=device),
        )

    def select(self, rows: Tensor) -> "Draws":
        """The settings of these rows."""
        return Draws(*(getattr(self, f.name)[rows] for f in fields(self)))

    def joined(self, other: "Draws") -> "Draws":
        """The settings of these rows, then those of the other's."""
        names = [f.name for f in fields(self)]
        return Draws(*(torch.cat([getattr(self, n), getattr(other, n)]) for n in names))


def choose(logits_BV: Tensor, draws: Draws, positions_B: Tensor) -> Tensor:
    """The next token of each row.

    Args:
        logits_BV: Unnormalised log-probabilities.
        draws: Settings of the B rows.
        positions_B: int64, how many tokens each row's completion already has.

    Returns:
        int64 of shape (B,).
    """
    logits_BV = logits_BV.float()
    greedy_B = draws.temperature == 0
    if bool(greedy_B.all()):
        return logits_BV.argmax(-1)
    scale_B = torch.where(greedy_B, 1.0, draws.temperature)
    probabilities = (logits_BV / scale_B[:, None]).softmax(-1)
    probabilities = _truncated(probabilities, draws)
    noise = exponentials(draws.seed, positions_B, logits_BV.shape[1])
    drawn_B = (probabilities / noise).argmax(-1)
    if not bool(greedy_B.any()):
        return drawn_B
    return torch.where(greedy_B, logits_BV.argmax(-1), drawn_B)


def _truncated(probabilities_BV: Tensor, draws: Draws) -> Tensor:
    """Set to 0 what top-k and top-p leave out; the rest is not normalised again."""
    if not bool(((draws.top_k > 0) | (draws.top_p < 1)).any()):
        return probabilities_BV
    vocabulary = probabilities_BV.shape[1]
    values_BL, tokens_BL = probabilities_BV.topk(min(_LIKELIEST, vocabulary), dim=-1)
    if vocabulary > _LIKELIEST and not _border_within(values_BL, draws):
        values_BL, tokens_BL = probabilities_BV.sort(dim=-1, descending=True)
    kept_BL = values_BL * _kept(values_BL, draws)
    out = torch.zeros_like(probabilities_BV).scatter_(1, tokens_BL, kept_BL)
    untouched_B = (draws.top_k == 0) & (draws.top_p >= 1)
    return torch.where(untouched_B[:, None], probabilities_BV, out)


def _border_within(sorted_BL: Tensor, draws: Draws) -> bool:
    """Whether the L likeliest tokens of each row hold all that the row may draw from."""
    by_k = (draws.top_k > 0) & (draws.top_k <= sorted_BL.shape[1])
    by_p = (draws.top_p < 1) & (draws.top_k == 0) & (sorted_BL.sum(-1) >= draws.top_p)
    untouched = (draws.top_k == 0) & (draws.top_p >= 1)
    return bool((by_k | by_p | untouched).all())


def _kept(sorted_BL: Tensor, draws: Draws) -> Tensor:
    """Which of the likeliest tokens, in falling order, a row may draw; always the first."""
    rank_L = torch.arange(sorted_BL.shape[1], device=sorted_BL.device)
    by_k = (draws.top_k[:, None] == 0) | (rank_L < draws.top_k[:, None])
    mass_BL = sorted_BL * by_k
    # top-p is a share of what top-k left, which is everything where top-k is off
    total_B = torch.where(draws.top_k > 0, mass_BL.sum(-1), 1.0)
    before_BL = mass_BL.cumsum(-1) - mass_BL
    by_p = before_BL < (draws.top_p * total_B)[:, None]
    return by_k & (by_p | (draws.top_p >= 1)[:, None])
