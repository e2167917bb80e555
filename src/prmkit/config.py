"""Recipes: one YAML file a run, frozen models, every range in its field.

The same objects go from file to stage; nothing is copied field by field. An unknown key is an error
that names the nearest known one. `--set a.b=value` overrides one key; the value is read as YAML.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from prmkit.generators.base import Sampling


class Config(BaseModel):
    """Base of all settings: frozen, unknown keys refused, a docstring under each field."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ModelConfig(Config):
    """A model and how to sample it."""

    model: str = Field(min_length=1)
    """A Hugging Face model directory, or `synthetic:NAME` for a shipped one."""
    sampling: Sampling = Sampling()
    """How tokens are drawn."""
    batch_size: int = Field(256, ge=1)
    """Sequences decoded at once."""


class PolicyConfig(ModelConfig):
    """A policy that writes solutions and completes prefixes."""

    samples: int = Field(1, ge=1)
    """Solutions drawn a problem."""


class ProblemsConfig(Config):
    """Where problems come from."""

    source: Literal["synthetic"] = "synthetic"
    """Data set by name."""
    n_train: int = Field(ge=1)
    """Problems to label."""
    n_validation: int = Field(ge=1)
    """Problems whose solutions measure PRMs during training."""
    n_process: int = Field(ge=1)
    """Problems a split in the ProcessBench-style evaluation."""
    n_best_of_n: int = Field(ge=1)
    """Problems a split in Best-of-N."""


class RolloutConfig(Config):
    """Monte-Carlo annotation."""

    annotator: Literal["exhaustive", "sequential"] = "exhaustive"
    """`exhaustive` draws K at every step; `sequential` stops when the first error is decided."""
    k: int = Field(8, ge=1)
    """Draws a step (8: arXiv 2501.07301, section 2.1)."""
    threshold: int = Field(0, ge=0)
    """A step is positive if more than this many of K draws are correct (0: the paper's)."""
    finished_is_known: bool = False
    """Take a finished solution's own outcome as the value of its last step, with no draws."""
    max_failed: float = Field(0.05, ge=0.0, le=1.0)
    """Share of failed model calls past which the stage stops."""

    @model_validator(mode="after")
    def _threshold_below_k(self) -> Self:
        if self.threshold >= self.k:
            raise ValueError(f"threshold {self.threshold} must be below k = {self.k}")
        return self


class JudgeConfig(ModelConfig):
    """A generative judge."""

    prompt: str = "compact"
    """Name of a prompt file in prmkit/judging/prompts."""
    votes: int = Field(1, ge=1)
    """Verdicts drawn a solution; the most frequent readable location wins."""
    max_failed: float = Field(0.05, ge=0.0, le=1.0)
    """Share of failed model calls past which the stage stops."""


class TrainingConfig(Config):
    """Training of one PRM."""

    base: str = Field(min_length=1)
    """Model directory whose backbone the PRM starts from, or `synthetic:NAME`."""
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"
    """Cross-entropy for hard labels, mean squared error for soft ones (the paper's pairing)."""
    epochs: int = Field(2, ge=1)
    """Passes over the data."""
    batch_size: int = Field(32, ge=1)
    """Solutions an update."""
    learning_rate: float = Field(1e-4, gt=0.0)
    """Peak rate, reached after the warm-up and decayed to 0 along a cosine."""
    warmup: float = Field(0.05, ge=0.0, lt=1.0)
    """Share of updates during which the rate rises."""
    weight_decay: float = Field(0.0, ge=0.0)
    """AdamW decay of matrices."""
    max_tokens: int = Field(4096, ge=8)
    """A longer row is rejected, never cut."""
    eval_every: float = Field(0.25, gt=0.0, le=1.0)
    """Share of training between two validations."""


class ArmConfig(Config):
    """One PRM of a comparison: which labels it learns from."""

    name: str = Field(min_length=1, pattern=r"^[a-z0-9_]+$")
    """Name in tables and file names."""
    labels: Literal["mc", "mc_soft", "judge", "consensus", "oracle"]
    """Who labels its training data."""
    training: TrainingConfig | None = None
    """Own training settings; None = the recipe's."""


class EvaluationConfig(Config):
    """ProcessBench-style and Best-of-N evaluation."""

    best_of: int = Field(8, ge=1)
    """Samples a problem in Best-of-N."""
    decision: float = Field(0.5, gt=0.0, lt=1.0)
    """The first step that scores below this is the predicted first error."""
    resamples: int = Field(1000, ge=100)
    """Bootstrap resamples over problems."""


class Recipe(Config):
    """A whole run."""

    name: str = Field(min_length=1)
    """Name of the run in the report."""
    seed: int = Field(0, ge=0)
    """Every draw's seed derives from it."""
    threads: int | None = Field(None, ge=1)
    """CPU threads for local models; None = all cores."""
    problems: ProblemsConfig
    """Where problems come from."""
    policies: dict[str, PolicyConfig] = Field(min_length=1)
    """The policies by name, each completing its own solutions, as in the paper."""
    rollouts: RolloutConfig
    """Monte-Carlo annotation."""
    judge: JudgeConfig
    """The judge."""
    training: TrainingConfig
    """Training settings of every arm that has none of its own."""
    arms: tuple[ArmConfig, ...] = Field(min_length=1)
    """The PRMs to train and compare."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """How the PRMs are evaluated."""
