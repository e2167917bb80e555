"""How the synthetic world's models are made: sizes, lengths of training, seeds."""

from typing import Literal

from pydantic import Field

from prmkit.records import Record


class PretrainConfig(Record):
    """One model to train from scratch."""

    role: Literal["policy", "judge"]
    """What it learns to write."""
    layers: int = Field(ge=1)
    """Transformer blocks."""
    reading_layers: int | None = Field(None, ge=1)
    """Of these layers, those that must know by themselves which word is due; a judge's others
    compare, gather and say. None = all of a policy's."""
    reading_share: float = Field(0.0, ge=0, le=1)
    """Share of the updates, the first ones, in which only the reading layers are trained."""
    settled_share: float = Field(1.0, ge=0, le=1)
    """Share of the updates from which on the reading layers stay as they are, which costs less."""
    hidden: int = Field(128, ge=16)
    """Width."""
    heads: int = Field(4, ge=1)
    """Attention heads."""
    ffn: int = Field(384, ge=16)
    """Width of the gated feed-forward part."""
    updates: int = Field(ge=1)
    """Optimiser updates."""
    stop: int | None = Field(None, ge=1)
    """Stop after so many of the `updates`; None = do them all."""
    cool: int = Field(0, ge=0)
    """Updates before the stop in which the rate falls linearly to nothing besides."""
    batch_tokens: int = Field(4096, ge=256)
    """Tokens an update, padding included."""
    learning_rate: float = Field(0.02, gt=0)
    """Peak rate of Muon; AdamW takes a fifth of it."""
    shuffled: float = Field(0.15, ge=0, le=1)
    """Share of a policy's problems whose facts are in random order."""
    many: float = Field(0.0, ge=0, le=1)
    """Share of a policy's problems that ask for many people's numbers."""
    seed: int = Field(0, ge=0)
    """Seed of weights and examples."""


SHIPPED: dict[str, PretrainConfig] = {
    "policy-strong": PretrainConfig(
        role="policy", layers=5, updates=3000, shuffled=0.3, many=0.3, seed=1
    ),
    "policy-weak": PretrainConfig(
        role="policy", layers=5, updates=3000, stop=2000, shuffled=0.3, many=0.3, seed=1
    ),
    "judge": PretrainConfig(
        role="judge",
        layers=8,
        reading_layers=5,
        reading_share=0.336,
        settled_share=0.533,
        updates=3000,
        seed=2,
    ),
}
"""How the models in `weights/` are made; docs/log.md says where the judge's differed on the way."""
