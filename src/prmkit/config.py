"""Recipes: one YAML file a run, frozen models, every range in its field.

The same objects go from file to stage; nothing is copied field by field. An unknown key is an error
that names the nearest known one. `--set a.b=value` overrides one key; the value is read as YAML.
A value is never bent into shape: `k: "8"` and `votes: true` are errors.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from prmkit.errors import ConfigError
from prmkit.faults import first_fault
from prmkit.generators.base import Sampling
from prmkit.strict_yaml import read_mapping, read_value, write_value


class Config(BaseModel):
    """Base of all settings: frozen, unknown keys refused, a docstring under each field."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class VllmConfig(Config):
    """vLLM's engine in this process (extra `vllm`)."""

    tensor_parallel: int = Field(1, ge=1)
    """GPUs that the model is spread over."""
    memory: float = Field(0.9, gt=0.0, le=1.0)
    """Share of each GPU's memory that vLLM may take."""
    context: int | None = Field(None, ge=1)
    """Tokens of prompt and completion together; None = as many as the model knows."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """Number format; `auto` is the checkpoint's, in 16 bits."""


class ModelConfig(Config):
    """A model and how to sample it."""

    model: str = Field(min_length=1)
    """A Hugging Face model directory, `synthetic:NAME` for a shipped one, with `vllm` also a hub
    name, or the name that the servers of `base_url` know it by."""
    sampling: Sampling = Sampling()
    """How tokens are drawn."""
    batch_size: int = Field(256, ge=1)
    """Sequences decoded at once, in this process."""
    vllm: VllmConfig | None = None
    """Decode with vLLM's engine in this process, `{}` = with its defaults; None = with our own."""
    base_url: tuple[str, ...] = ()
    """OpenAI-compatible servers of the model, e.g. `http://localhost:8000/v1`: one, or a list that
    is used as one pool; empty = decode in this process."""
    tokenizer: str | None = Field(None, min_length=1)
    """With `base_url` or `vllm`: directory, `synthetic:NAME` or hub name of the model's tokenizer;
    None = `model`, or, where that is only a server's name, the server's chat template."""
    api_key_env: str | None = Field(None, pattern="^[A-Za-z_][A-Za-z0-9_]*$")
    """With `base_url`: name of the environment variable that holds the key."""
    max_in_flight: int = Field(256, ge=1)
    """With `base_url`: requests under way at once, over all servers."""
    timeout_s: float = Field(600.0, gt=0.0)
    """With `base_url`: seconds that one request may take."""

    @field_validator("base_url", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        if isinstance(value, str):
            return (value,)
        return tuple(value) if isinstance(value, list) else value

    @field_validator("base_url")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        urls = tuple(_server_address(url) for url in value)
        if len(set(urls)) < len(urls):
            raise ValueError("a server is named twice")
        return urls

    @model_validator(mode="after")
    def _servers_have_an_address(self) -> Self:
        if self.base_url and self.vllm:
            raise ValueError("base_url and vllm are two places to decode; allowed: one of them")
        fields = type(self).model_fields
        about_servers = ("tokenizer", "api_key_env", "max_in_flight", "timeout_s")
        said = [n for n in about_servers if getattr(self, n) != fields[n].default]
        if said == ["tokenizer"] and self.vllm:
            return self
        if said and not self.base_url:
            raise ValueError(f"{said[0]} needs base_url, the server that it is about")
        return self


class PolicyConfig(ModelConfig):
    """A policy that writes solutions and completes prefixes."""

    samples: int = Field(1, ge=1)
    """Solutions drawn a problem."""
    completer: str | None = None
    """Policy that completes this one's prefixes; None = itself. In the paper Qwen2.5-Math completes
    the solutions of Qwen2-Math, too."""


class ProblemsConfig(Config):
    """Where problems come from."""

    source: Literal["synthetic", "imported"] = "synthetic"
    """The synthetic world, or folders that `prm import` made; a folder is a split."""
    train: tuple[str, ...] = ()
    """Imported: folders of problems whose solutions are labelled."""
    process: tuple[str, ...] = ()
    """Imported: folders of cases with known first errors (ProcessBench, ...); none = not evaluated
    on steps."""
    best_of_n: tuple[str, ...] = ()
    """Imported: folders of problems for Best-of-N; none = no Best-of-N."""
    n_train: int = Field(ge=1)
    """Problems a split to label; of a folder at most so many, chosen by a hash of their ids."""
    n_validation: int = Field(ge=1)
    """Problems a split whose solutions measure PRMs during training; imported ones are labelled
    like the others, and held out."""
    n_process: int = Field(ge=1)
    """Problems a split whose solutions the ProcessBench-style evaluation chooses from; imported:
    cases a subset at most."""
    n_best_of_n: int = Field(ge=1)
    """Problems a split in Best-of-N."""

    @model_validator(mode="after")
    def _folders_fit_the_source(self) -> Self:
        if self.source == "imported" and not self.train:
            raise ValueError("source imported needs train, folders that prm import made")
        named = [name for name in ("train", "process", "best_of_n") if getattr(self, name)]
        if self.source == "synthetic" and named:
            raise ValueError(f"{named[0]} names folders: that needs source imported")
        folders = [Path(f).name for f in (*self.train, *self.best_of_n)]
        twice = next((f for f in folders if folders.count(f) > 1), None)
        if twice is not None:
            raise ValueError(f"folder name {twice!r} occurs twice; names of splits must differ")
        return self


class RolloutConfig(Config):
    """Monte-Carlo annotation."""

    annotator: Literal["exhaustive", "sequential", "verify", "bisection", "adaptive", "tree"] = (
        "exhaustive"
    )
    """`exhaustive` draws K at every step; `sequential` stops when the first error is decided;
    `verify` asks the judge first and stops when its claim is proven or refuted; `bisection`
    searches as if no solution recovered; `adaptive` draws until a step's value is known well
    enough; `tree` does as `sequential`, and takes wrong rollouts for new solutions to label."""
    k: int = Field(8, ge=1)
    """Draws a step (8: arXiv 2501.07301, section 2.1)."""
    threshold: int = Field(0, ge=0)
    """A step is positive if more than this many of K draws are correct (0: the paper's)."""
    redraws: int = Field(1, ge=0)
    """How often a draw that comes out unscored may be made again, where it decides a label."""
    level: float = Field(0.1, gt=0.0, lt=1.0)
    """With `adaptive`: a step is positive if its chance of a right end is above this."""
    error: float = Field(0.05, gt=0.0, lt=0.5)
    """With `adaptive`: posterior probability with which a label may be wrong."""
    grow: int = Field(2, ge=1)
    """With `tree`: at most so many new solutions for each given one, of rollouts that came out
    wrong."""
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
    updates: int | None = Field(None, ge=1)
    """Updates, in as many passes as they take, so that arms with fewer labels are not trained less;
    None = as many as `epochs` has."""
    batch_size: int = Field(32, ge=1)
    """Solutions an update."""
    learning_rate: float = Field(1e-4, gt=0.0)
    """Peak rate, reached after the warm-up and decayed to 0 along a cosine."""
    warmup: float = Field(0.05, ge=0.0, lt=1.0)
    """Share of updates during which the rate rises."""
    weight_decay: float = Field(0.0, ge=0.0)
    """AdamW decay of matrices."""
    balance: float = Field(0.0, ge=0.0, le=1.0)
    """How much more the rarer of right and wrong steps weighs in the loss: a kind's weight is its
    share of the labels to the power of minus this. 0 = every step weighs the same (the paper); 1 =
    both kinds do. Above 0 a score is no longer the share of right steps that look like this one."""
    max_tokens: int = Field(4096, ge=8)
    """A longer row is rejected, never cut."""
    eval_every: float = Field(0.25, gt=0.0, le=1.0)
    """Share of training between two validations."""


class ArmConfig(Config):
    """One PRM of a comparison: which labels it learns from."""

    name: str = Field(min_length=1, pattern=r"^[a-z0-9_]+$")
    """Name in tables and file names."""
    labels: Literal["mc", "mc_soft", "mc_progress", "judge", "consensus", "oracle"]
    """Who labels its training data: Monte Carlo by hard labels, by shares, or by relative progress;
    the judge; both where they agree; or the truth."""
    progress: float = Field(0.8, gt=0.0, le=1.0)
    """With `mc_progress`: the least share of a step's value that the next may keep and be right
    (0.8: the best of arXiv 2504.00891)."""
    training: TrainingConfig | None = None
    """Own training settings; None = the recipe's."""


class EvaluationConfig(Config):
    """ProcessBench-style and Best-of-N evaluation."""

    policy: str | None = None
    """Policy that Best-of-N samples from; None = the first one."""
    best_of: int = Field(8, ge=1)
    """Samples a problem in Best-of-N."""
    process_cases: int = Field(100, ge=2)
    """Solutions a split in the ProcessBench-style set, half of them with a right final answer."""
    labelled_cases: int = Field(100, ge=0)
    """Labelled solutions that every PRM scores, too, so that the report shows shares, verdicts and
    scores of the same steps: held-out ones first, then training ones. No figure rests on them."""
    decision: float = Field(0.5, gt=0.0, lt=1.0)
    """The first step that scores below this is the predicted first error."""
    resamples: int = Field(1000, ge=100)
    """Bootstrap resamples over problems."""


class RunConfig(Config):
    """What every kind of run says."""

    name: str = Field(min_length=1)
    """Name of the run in the report."""
    seed: int = Field(0, ge=0)
    """Every draw's seed derives from it."""
    threads: int | None = Field(None, ge=1)
    """CPU threads for local models; None = all cores."""


class RolloutRecipe(RunConfig):
    """Monte-Carlo labels of solutions that are there already (`prm rollout`)."""

    solutions: str = Field(min_length=1)
    """A run's folder, a folder of `prm import`, or a Parquet table of solutions, labelled solutions
    or benchmark cases."""
    problems: tuple[str, ...] = ()
    """Folders or Parquet tables of problems with their answers, found by id or else by the text of
    the question; none = those in the folder of `solutions`."""
    completer: ModelConfig
    """The model that completes prefixes."""
    rollouts: RolloutConfig
    """Monte-Carlo annotation."""
    resamples: int = Field(1000, ge=100)
    """Bootstrap resamples over problems."""


class Recipe(RunConfig):
    """A whole run."""

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
    arms: tuple[ArmConfig, ...] = ()
    """The PRMs to train and compare; none = label only."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """How the PRMs are evaluated."""

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"arms: each needs a name of its own, found {', '.join(names)}")
        if self.evaluation.policy is not None and self.evaluation.policy not in self.policies:
            raise ValueError(
                f"evaluation.policy {self.evaluation.policy!r}: "
                f"allowed are {', '.join(self.policies)}"
            )
        for name, policy in self.policies.items():
            if policy.completer is not None and policy.completer not in self.policies:
                raise ValueError(
                    f"policies.{name}.completer {policy.completer!r}: "
                    f"allowed are {', '.join(self.policies)}"
                )
        exact = [arm.name for arm in self.arms if arm.labels == "oracle"]
        if exact and self.problems.source != "synthetic":
            raise ValueError(
                f"arm {exact[0]}: labels oracle exist in the synthetic world alone; found "
                f"problems.source = {self.problems.source}"
            )
        return self

    @model_validator(mode="after")
    def _labels_fit_the_annotator(self) -> Self:
        own = [arm for arm in self.arms if arm.labels.startswith("mc")]
        if own and self.rollouts.annotator == "verify":
            raise ValueError(
                f"arm {own[0].name}: labels {own[0].labels} need an annotator that finds first "
                "errors; verify only proves the judge's"
            )
        shares = [arm for arm in self.arms if arm.labels in ("mc_soft", "mc_progress")]
        if shares and self.rollouts.annotator != "exhaustive":
            raise ValueError(
                f"arm {shares[0].name}: {shares[0].labels} needs rollouts.annotator = exhaustive, "
                f"whose shares are unbiased; found {self.rollouts.annotator}"
            )
        return self


R = TypeVar("R", bound=RunConfig)


def _server_address(url: str) -> str:
    """A base URL as requests are built from it: no slash at the end, `/v1` if there is no path."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it checks it
    except ValueError as error:
        raise ValueError(f"base_url {url!r}: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"base_url: found {url!r}; allowed: http://HOST:PORT/v1 or https://...")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("base_url: no user, password or query in it; a key goes by api_key_env")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or '/v1'}"


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read the recipe of a whole run.

    Args:
        path: A YAML file.
        overrides: `a.b=value` each, applied in order over the file; the value is read as YAML, a
            number in the key is a position in a list.

    Raises:
        ConfigError: one line with the file, the dotted key, what was found and what is allowed.
    """
    return _load(path, overrides, Recipe)


def load_rollout_recipe(path: str | Path, overrides: Sequence[str] = ()) -> RolloutRecipe:
    """Read the recipe of `prm rollout`; see `load_recipe`."""
    return _load(path, overrides, RolloutRecipe)


def _load(path: str | Path, overrides: Sequence[str], kind: type[R]) -> R:
    # through JSON: aliases of one anchor become separate values, and tuples are read strictly
    settings: dict[str, Any] = json.loads(json.dumps(read_mapping(Path(path))))
    changed = [_override(settings, text) for text in overrides]
    try:
        return kind.model_validate_json(json.dumps(settings), strict=True)
    except ValidationError as error:
        fault = first_fault(error, kind)
    at = f"{fault.key}."
    is_set = any(at.startswith(f"{key}.") or f"{key}.".startswith(at) for key in changed)
    key = f" {fault.key}{' (from --set)' if is_set else ''}:" if fault.key else ""
    raise ConfigError(f"{path}:{key} {fault.problem}")


def dump_recipe(recipe: RunConfig) -> str:
    """The recipe with every default written out, as YAML that `load_recipe` reads back equal."""
    return write_value(recipe.model_dump(mode="json"))


def recipe_digest(recipe: RunConfig) -> str:
    """SHA-256 of all values, in hex; neither comments, order nor spelled-out defaults change it."""
    text = json.dumps(recipe.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def recipe_differences(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """Keys in which two dumped recipes differ, `rollouts.k: 8 -> 16` each, sorted by key.

    Values are compared as JSON writes them, so 1, 1.0 and true differ.
    """
    before, after = _leaves(a), _leaves(b)
    return [
        f"{key}: {before.get(key, '(absent)')} -> {after.get(key, '(absent)')}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _leaves(value: Any, key: str = "") -> dict[str, str]:
    """JSON text of every value that holds no others, by dotted key."""
    if not isinstance(value, Mapping | list) or not value:
        return {key: json.dumps(value, ensure_ascii=False)}
    parts = value.items() if isinstance(value, Mapping) else enumerate(value)
    prefix = f"{key}." if key else ""
    return {k: v for part, inner in parts for k, v in _leaves(inner, f"{prefix}{part}").items()}


def _override(settings: dict[str, Any], text: str) -> str:
    """Apply one `a.b=value` in place; the dotted key."""
    key, equals, value = text.partition("=")
    key = key.strip()
    *above, last = key.split(".")
    if not equals or not all([*above, last]):
        raise ConfigError(f"--set {text}: allowed: key=value, the key dotted, e.g. rollouts.k=8")
    target: Any = settings
    for part in above:
        position = _position(target, part, text)
        inner = target[position] if isinstance(target, list) else target.get(position)
        if inner is None:
            inner = target[position] = {}
        target = inner
    target[_position(target, last, text)] = read_value(value, f"--set {text}")
    return key


def _position(target: Any, part: str, text: str) -> Any:
    """`part` as a key of a mapping or an index into a list."""
    if isinstance(target, dict):
        return part
    if not isinstance(target, list):
        raise ConfigError(f"--set {text}: {part!r} has no place in {target!r:.60}, a single value")
    if not part.isdecimal() or int(part) >= len(target):
        allowed = f"0 to {len(target) - 1}" if target else "none, the list is empty"
        raise ConfigError(f"--set {text}: found position {part!r}; allowed: {allowed}")
    return int(part)
