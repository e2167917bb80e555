"""What a run will cost, before anything is paid for. Rough: what it rests on is printed too.

How long texts are and how often models are called are either assumed, or were measured on a few
problems (`measure`). Operations are 2 x parameters x tokens, prompt and generated, as if no prefix
were shared; a server with a prefix cache spends less on prompts.
"""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from prmkit.config import ModelConfig, ProblemsConfig, Recipe, RolloutConfig, RolloutRecipe
from prmkit.errors import ModelError
from prmkit.generators.load import resolve_model
from prmkit.pipeline.sources import rows_held
from prmkit.records import BenchmarkCase, Outcome, Problem, Record
from prmkit.rollouts.adaptive import decided
from prmkit.synthetic.problems import SPLITS

TOKENS_PER_S = 6000.0
"""Generated tokens a second where nothing is known of them."""
COMPLETER = "completer"
"""Name of the one model of `prm rollout`."""

_DRAWS_A_RIGHT_STEP = 1.5  # until the first success, for a policy that recovers two times in three
_SHARE_WRONG = 0.5  # of solutions; each costs K draws once where the annotator stops there
_SHARE_PROVEN = 0.4  # of a judge's claims: 27 of 71 in the synthetic world at K = 8 (docs/log.md)
_SUBSETS = 4  # of a step benchmark, as in ProcessBench
_MOST_HEADER = 100 << 20  # bytes, as the safetensors library allows
_CHARACTERS_A_TOKEN = 3.0  # of mathematical English, where a digit is a token; our guess
_NAMED_SIZE = re.compile(r"(\d+(?:\.\d+)?)[bB]\b")


class PerCall(Record):
    """Tokens of one call, on average."""

    prompt: float = Field(ge=0.0)
    """Read."""
    generated: float = Field(ge=0.0)
    """Written."""


class Rates(Record):
    """What one policy does, on average."""

    steps: float = Field(ge=0.0)
    """Steps a solution."""
    solution: PerCall
    """A sampled solution."""
    usable: float = Field(ge=0.0, le=1.0)
    """Share of solutions that are labelled: with a readable answer, and no other's twin."""
    draws: float = Field(ge=0.0)
    """Completions a labelled solution."""
    rollout: PerCall
    """A completion of a prefix."""


class Basis(Record):
    """What an estimate rests on."""

    rates: dict[str, Rates]
    """By policy."""
    verdict: PerCall
    """A vote of the judge."""
    tokens_per_s: float = Field(TOKENS_PER_S, gt=0.0)
    """Generated tokens a second, where no speed is given."""
    speeds: dict[str, float] = Field(default_factory=dict)
    """Generated tokens a second by `stage model`."""
    said: str
    """The same for a reader."""


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


class Line(NamedTuple):
    """The cost of one stage with one model."""

    stage: str
    model: str
    n_calls: float
    prompt_tokens: float
    generated_tokens: float
    parameters: float | None
    tokens_per_s: float = TOKENS_PER_S

    @property
    def operations(self) -> float | None:
        """2 x parameters x tokens; None where the size of the model is not known."""
        if self.parameters is None:
            return None
        return 2 * self.parameters * (self.prompt_tokens + self.generated_tokens)

    @property
    def seconds(self) -> float:
        """Time at the speed of generation."""
        return self.generated_tokens / self.tokens_per_s


def assumed(recipe: Recipe, tokens_per_s: float = TOKENS_PER_S) -> Basis:
    """What a whole run's estimate rests on when nothing was measured."""
    is_imported = recipe.problems.source == "imported"
    shape = _PUBLISHED if is_imported else _SYNTHETIC
    rates = Rates(
        steps=shape.steps,
        solution=PerCall(prompt=shape.question, generated=shape.tokens),
        usable=1.0,
        draws=draws_a_solution(recipe.rollouts, shape.steps),
        rollout=PerCall(prompt=shape.question + shape.tokens / 2, generated=shape.tokens / 2),
    )
    said = (
        f"Assumed: {shape.steps:.1f} steps and {shape.tokens:g} tokens a solution, "
        f"{shape.question:g} tokens a question, {shape.judge:g} tokens a verdict, "
        f"{tokens_per_s:,.0f} generated tokens/s (--tokens-per-s), "
        f"2 operations a parameter and token.{_said_of_draws(recipe.rollouts)}"
    )
    if is_imported:
        said += " A folder that is not there yet is taken to hold all that the recipe allows."
    return Basis(
        rates=dict.fromkeys(recipe.policies, rates),
        verdict=PerCall(prompt=shape.question + shape.tokens, generated=shape.judge),
        tokens_per_s=tokens_per_s,
        said=f"{said} Training and scoring are not counted.",
    )


def assumed_rollouts(
    recipe: RolloutRecipe, texts: Sequence[Sequence[str]], tokens_per_s: float = TOKENS_PER_S
) -> Basis:
    """What the estimate of `prm rollout` rests on when nothing was measured.

    Args:
        recipe: What is to be run.
        texts: The steps of each solution, at least one.
        tokens_per_s: Generated tokens a second.
    """
    steps = sum(map(len, texts)) / len(texts)
    tokens = sum(len(s) for text in texts for s in text) / len(texts) / _CHARACTERS_A_TOKEN
    question = _PUBLISHED.question
    rates = Rates(
        steps=steps,
        solution=PerCall(prompt=question, generated=tokens),
        usable=1.0,
        draws=draws_a_solution(recipe.rollouts, steps),
        rollout=PerCall(prompt=question + tokens / 2, generated=tokens / 2),
    )
    said = (
        f"Counted: {len(texts):,} solutions of {steps:.1f} steps. Assumed: {_CHARACTERS_A_TOKEN:g} "
        f"characters a token, so {tokens:.0f} tokens a solution and half of that a completion, "
        f"{question:g} tokens a question, {tokens_per_s:,.0f} generated tokens/s "
        f"(--tokens-per-s), 2 operations a parameter and token.{_said_of_draws(recipe.rollouts)}"
    )
    nothing = PerCall(prompt=0.0, generated=0.0)
    return Basis(rates={COMPLETER: rates}, verdict=nothing, tokens_per_s=tokens_per_s, said=said)


def draws_a_solution(rollouts: RolloutConfig, steps: float) -> float:
    """Completions a solution of so many steps, assumed where the annotator stops early."""
    steps -= rollouts.finished_is_known
    if rollouts.annotator == "exhaustive":
        return rollouts.k * steps
    once = min(_DRAWS_A_RIGHT_STEP, rollouts.k)
    if rollouts.annotator == "bisection":
        probes = 1 + math.log2(max(1.0, steps))
        return (1 - _SHARE_WRONG) * once + _SHARE_WRONG * probes * (once + rollouts.k) / 2
    right = (1 - _SHARE_WRONG / 2) * steps * once
    if rollouts.annotator == "adaptive":
        return right + _SHARE_WRONG * _draws_to_give_up(rollouts)
    whole = right + _SHARE_WRONG * rollouts.k
    if rollouts.annotator == "verify":
        return _SHARE_PROVEN * whole + (1 - _SHARE_PROVEN) * once
    if rollouts.annotator == "tree":
        grown = (steps / 2) / 2 * once + rollouts.k
        return whole + rollouts.grow * grown
    return whole


def _draws_to_give_up(rollouts: RolloutConfig) -> int:
    """Failures after which an adaptive budget calls a step wrong, K at most."""
    failures = (
        n
        for n in range(1, rollouts.k)
        if decided([Outcome.INCORRECT] * n, rollouts.level, rollouts.error) is not None
    )
    return next(failures, rollouts.k)


def _said_of_draws(rollouts: RolloutConfig) -> str:
    once = f"{_DRAWS_A_RIGHT_STEP} completions at a right step"
    wrong = f"the first wrong one of {_SHARE_WRONG:.0%} of the solutions"
    said = {
        "exhaustive": "",
        "sequential": f" Sequential annotation draws {once} and K at {wrong}.",
        "verify": f" A claim is proven in {_SHARE_PROVEN:.0%} of the solutions, with {once} and K "
        f"at {wrong}, and else refuted by {_DRAWS_A_RIGHT_STEP} draws.",
        "bisection": f" Bisection looks at the last step, and, in {_SHARE_WRONG:.0%} of the "
        "solutions, at 1 + log2(steps), half of them right with "
        f"{_DRAWS_A_RIGHT_STEP} completions and half wrong with K.",
        "tree": f" A tree draws {once} and K at {wrong}; {rollouts.grow} solutions grow on each "
        "given one, half-way on average, all wrong, with as many again at half of the steps left.",
        "adaptive": f" An adaptive budget draws {once} and {_draws_to_give_up(rollouts)} at "
        f"{wrong}.",
    }
    return said[rollouts.annotator]


def cost_lines(recipe: Recipe, basis: Basis | None = None) -> list[Line]:
    """The cost of each stage that calls a model, by model; assumed if there is no basis."""
    basis = basis or assumed(recipe)
    problems = _problems(recipe.problems)
    chosen = recipe.evaluation.policy or next(iter(recipe.policies))
    lines = list[Line]()
    rolled = {name: _Sum() for name in recipe.policies}
    labelled = 0.0
    for name, policy in recipe.policies.items():
        rates = basis.rates[name]
        written = problems.solved * policy.samples
        if name == chosen:
            written += problems.best_of_n * recipe.evaluation.best_of
        lines.append(_line("solutions", name, policy, _Sum().add(written, rates.solution), basis))
        own = problems.labelled * policy.samples * rates.usable
        grown = recipe.rollouts.grow if recipe.rollouts.annotator == "tree" else 0
        labelled += own * (1 + grown)
        rolled[policy.completer or name].add(own * rates.draws, rates.rollout)
    for name, total in rolled.items():
        lines.append(_line("rollouts", name, recipe.policies[name], total, basis))
    cases = problems.cases
    if recipe.problems.source == "synthetic":  # chosen from the solutions of a split
        written = recipe.problems.n_process * sum(p.samples for p in recipe.policies.values())
        cases = min(recipe.evaluation.process_cases, written) * len(SPLITS)
    votes = _Sum().add((labelled + cases) * recipe.judge.votes, basis.verdict)
    lines.append(_line("judge", recipe.judge.model, recipe.judge, votes, basis))
    return [line for line in lines if line.n_calls]


def rollout_lines(recipe: RolloutRecipe, n_solutions: int, basis: Basis) -> list[Line]:
    """The cost of `prm rollout`."""
    rates = basis.rates[COMPLETER]
    total = _Sum().add(n_solutions * rates.draws, rates.rollout)
    return [_line("rollouts", COMPLETER, recipe.completer, total, basis)]


class _Sum:
    """Calls and tokens, added up."""

    def __init__(self) -> None:
        self.n_calls = self.prompt = self.generated = 0.0

    def add(self, n_calls: float, each: PerCall) -> "_Sum":
        """Add calls of one kind; this sum."""
        self.n_calls += n_calls
        self.prompt += n_calls * each.prompt
        self.generated += n_calls * each.generated
        return self


def _line(stage: str, model: str, config: ModelConfig, total: _Sum, basis: Basis) -> Line:
    speed = basis.speeds.get(f"{stage} {model}", basis.tokens_per_s)
    sums = (total.n_calls, total.prompt, total.generated)
    return Line(stage, model, *sums, n_parameters(config), speed)


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


def n_parameters(config: ModelConfig) -> float | None:
    """Parameters of a model: by its weights where they lie here, else by its name."""
    if not config.base_url and (
        config.model.startswith("synthetic:") or Path(config.model).is_dir()
    ):
        return float(sum(map(_counted, resolve_model(config.model).glob("*.safetensors"))))
    named = _NAMED_SIZE.search(config.model)
    return float(named[1]) * 1e9 if named else None


def _counted(weights: Path) -> int:
    """Parameters in a safetensors file, by its header: eight bytes of length, then JSON."""
    try:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, _MOST_HEADER)))
        return sum(math.prod(t["shape"]) for n, t in header.items() if n != "__metadata__")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{weights}: not a safetensors file: {error}") from error


def estimate_text(lines: Sequence[Line], basis: Basis) -> str:
    """Calls, tokens, operations and time of each model stage, and what they rest on."""
    width = max(len(f"{x.stage} {x.model}") for x in lines)
    total = sum(x.generated_tokens for x in lines)
    all_s = sum(x.seconds for x in lines)
    rows = [_row(x, width) for x in lines]
    rows.append(f"all: {total:,.0f} generated tokens, {shown_time(all_s)}")
    return "\n".join([*rows, basis.said])


def _row(line: Line, width: int) -> str:
    return (
        f"{f'{line.stage} {line.model}':<{width}} {line.n_calls:>13,.0f} calls "
        f"{line.prompt_tokens:>17,.0f} prompt {line.generated_tokens:>17,.0f} generated tokens "
        f"{shown_operations(line.operations):>12} {shown_time(line.seconds):>9}"
    )


def shown_operations(operations: float | None) -> str:
    """Operations for a reader."""
    return "size unknown" if operations is None else f"{operations:.1e} FLOP"


def shown_time(seconds: float) -> str:
    """A duration for a reader."""
    return f"{seconds:,.0f} s" if seconds < 600 else f"{seconds / 3600:,.1f} h"
