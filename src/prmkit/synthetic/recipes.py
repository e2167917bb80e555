"""How the synthetic world's models are made: sizes, lengths of training, seeds."""

from typing import Literal

from pydantic import Field, model_validator

from prmkit.records import Record

_JUDGING = 3  # layers that compare, gather and say


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
    """Share of the updates, the first ones, in which only the reading layers are trained; then they
    stay as they are. Each stage has a schedule of its own."""
    saying_share: float = Field(0.0, ge=0, le=1)
    """Share of the updates, the last ones, in which only the layers are trained that say what those
    below have gathered."""
    start: str | None = None
    """The shipped model that the first layers and the embeddings begin as; None = from scratch."""
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

    @model_validator(mode="after")
    def _layers_for_each_part(self) -> "PretrainConfig":
        if self.reading_layers is not None and self.layers < self.reading_layers + _JUDGING:
            raise ValueError(
                f"layers = {self.layers}: a judge needs at least {_JUDGING} above its "
                f"{self.reading_layers} reading ones, to compare, to gather and to say"
            )
        return self

    @property
    def stages(self) -> tuple[int, int]:
        """The updates from which on reading is over, and from which on there is saying alone."""
        reading, saying = (round(self.updates * s) for s in (self.reading_share, self.saying_share))
        return reading, self.updates - saying


SHIPPED: dict[str, PretrainConfig] = {
    "policy-strong": PretrainConfig(
        role="policy", layers=5, updates=3000, shuffled=0.3, many=0.3, seed=1
    ),
    "policy-weak": PretrainConfig(
        role="policy", layers=5, updates=3000, stop=2000, shuffled=0.3, many=0.3, seed=1
    ),
    "judge": PretrainConfig(
        role="judge",
        layers=9,
        reading_layers=5,
        reading_share=900 / 3500,
        saying_share=800 / 3500,
        start="policy-strong",
        updates=5500,
        batch_tokens=16_384,
        learning_rate=0.015,
        seed=2,
    ),
}
"""How the models in `weights/` are made."""
