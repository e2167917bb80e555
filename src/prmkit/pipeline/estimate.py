"""What a recipe will cost, before anything is paid for. Rough: the assumptions are printed too.

Operations are 2 x parameters x tokens, prompt and generated, as if no prefix were shared; a server
with a prefix cache spends less on prompts.
"""

import re
from pathlib import Path
from typing import NamedTuple

from prmkit.config import ModelConfig, ProblemsConfig, Recipe
from prmkit.generators.load import resolve_model
from prmkit.pipeline.sources import rows_held
from prmkit.records import BenchmarkCase, Problem
from prmkit.synthetic.problems import SPLITS

_DRAWS_A_RIGHT_STEP = 1.5  # until the first success, for a policy that recovers two times in three
_SHARE_WRONG = 0.5  # of solutions; each costs K draws once where the annotator stops there
_SUBSETS = 4  # of a step benchmark, as in ProcessBench
_BYTES_A_PARAMETER = 2  # of weights in 16 bits
_NAMED_SIZE = re.compile(r"(\d+(?:\.\d+)?)[bB]\b")


class _Shape(NamedTuple):
    """How long texts are."""

    steps: float
    tokens: float
    question: float
    judge: float


_SYNTHETIC = _Shape(
    steps=sum(sum(d.operations) / 2 + 1.5 for d in SPLITS.values()) / len(SPLITS),
    tokens=210,
    question=120,
    judge=220,
)
_PUBLISHED = _Shape(steps=8.8, tokens=625, question=150, judge=1000)
"""Steps and tokens a solution are those of Qwen2.5-Math on its data; the rest is our guess."""


def _shape(recipe: Recipe) -> _Shape:
    return _PUBLISHED if recipe.problems.source == "imported" else _SYNTHETIC


class Line(NamedTuple):
    """The cost of one stage with one model."""

    stage: str
    model: str
    n_calls: float
    prompt_tokens: float
    generated_tokens: float
    parameters: float | None

    @property
    def operations(self) -> float | None:
        """2 x parameters x tokens; None where the size of the model is not known."""
        if self.parameters is None:
            return None
        return 2 * self.parameters * (self.prompt_tokens + self.generated_tokens)


def estimate(recipe: Recipe, tokens_per_s: float) -> str:
    """Calls, tokens, operations and time of each model stage, as text.

    Args:
        recipe: What is to be run.
        tokens_per_s: Generated tokens a second that the time is reckoned by.
    """
    lines = cost_lines(recipe)
    width = max(len(f"{x.stage} {x.model}") for x in lines)
    rows = [_row(x, width, tokens_per_s) for x in lines]
    total = sum(x.generated_tokens for x in lines)
    rows.append(f"all: {total:,.0f} generated tokens, {_time(total / tokens_per_s)}")
    return "\n".join([*rows, _assumptions(recipe, tokens_per_s)])


def cost_lines(recipe: Recipe) -> list[Line]:
    """The cost of each stage that calls a model, by model."""
    shape = _shape(recipe)
    problems = _problems(recipe.problems)
    chosen = recipe.evaluation.policy or next(iter(recipe.policies))
    lines, rollouts = list[Line](), dict.fromkeys(recipe.policies, 0.0)
    for name, policy in recipe.policies.items():
        written = problems.solved * policy.samples
        if name == chosen:
            written += problems.best_of_n * recipe.evaluation.best_of
        rollouts[policy.completer or name] += problems.labelled * policy.samples
        tokens = (written * shape.question, written * shape.tokens)
        lines.append(Line("solutions", name, written, *tokens, _parameters(policy)))
    for name, n in rollouts.items():
        draws = n * _draws(recipe, shape.steps)
        tokens = (draws * (shape.question + shape.tokens / 2), draws * shape.tokens / 2)
        lines.append(Line("rollouts", name, draws, *tokens, _parameters(recipe.policies[name])))
    cases = problems.cases or recipe.evaluation.process_cases * len(SPLITS)
    votes = (sum(rollouts.values()) + cases) * recipe.judge.votes
    tokens = (votes * (shape.question + shape.tokens), votes * shape.judge)
    lines.append(Line("judge", recipe.judge.model, votes, *tokens, _parameters(recipe.judge)))
    return [line for line in lines if line.n_calls]


class _Problems(NamedTuple):
    """How many problems are used for what."""

    solved: int
    labelled: int
    best_of_n: int
    cases: int


def _problems(sizes: ProblemsConfig) -> _Problems:
    if sizes.source == "synthetic":
        n = len(SPLITS)
        solved = n * (sizes.n_train + sizes.n_validation + sizes.n_process)
        return _Problems(solved, n * sizes.n_train, n * sizes.n_best_of_n, 0)
    wanted = sizes.n_train + sizes.n_validation
    labelled = sum(min(wanted, rows_held(f, Problem, wanted)) for f in sizes.train)
    n = sizes.n_best_of_n
    best_of_n = sum(min(n, rows_held(f, Problem, n)) for f in sizes.best_of_n)
    cases = sum(rows_held(f, BenchmarkCase, _SUBSETS * sizes.n_process) for f in sizes.process)
    return _Problems(labelled, labelled, best_of_n, cases)


def _draws(recipe: Recipe, steps: float) -> float:
    """Completions a solution."""
    rollouts = recipe.rollouts
    steps -= rollouts.finished_is_known
    if rollouts.annotator == "exhaustive":
        return rollouts.k * steps
    right = (1 - _SHARE_WRONG / 2) * steps * min(_DRAWS_A_RIGHT_STEP, rollouts.k)
    return right + _SHARE_WRONG * rollouts.k


def _parameters(config: ModelConfig) -> float | None:
    """Parameters of a model: by its weights where they lie here, else by its name."""
    if not config.base_url and (
        config.model.startswith("synthetic:") or Path(config.model).is_dir()
    ):
        weights = resolve_model(config.model).glob("*.safetensors")
        return sum(file.stat().st_size for file in weights) / _BYTES_A_PARAMETER
    named = _NAMED_SIZE.search(config.model)
    return float(named[1]) * 1e9 if named else None


def _row(line: Line, width: int, tokens_per_s: float) -> str:
    operations = line.operations
    flops = "size unknown" if operations is None else f"{operations:.1e} FLOP"
    return (
        f"{f'{line.stage} {line.model}':<{width}} {line.n_calls:>13,.0f} calls "
        f"{line.prompt_tokens:>17,.0f} prompt {line.generated_tokens:>17,.0f} generated tokens "
        f"{flops:>12} {_time(line.generated_tokens / tokens_per_s):>9}"
    )


def _time(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:,.0f} s"
    return f"{seconds / 3600:,.1f} h"


def _assumptions(recipe: Recipe, tokens_per_s: float) -> str:
    shape = _shape(recipe)
    said = (
        f"Assumed: {shape.steps:.1f} steps and {shape.tokens:g} tokens a solution, "
        f"{shape.question:g} tokens a question, {shape.judge:g} tokens a verdict, "
        f"{tokens_per_s:,.0f} generated tokens/s (--tokens-per-s), "
        "2 operations a parameter and token."
    )
    if recipe.rollouts.annotator == "sequential":
        said += (
            f" Sequential annotation draws {_DRAWS_A_RIGHT_STEP} completions at a right step and K "
            f"at the first wrong one of {_SHARE_WRONG:.0%} of the solutions."
        )
    if recipe.problems.source == "imported":
        said += " A folder that is not there yet is taken to hold all that the recipe allows."
    return f"{said} Training and scoring are not counted."
