"""What a run cost, beside what was estimated: cost.json and the lines of a printed table.

Seconds are in it, and which prompt tokens a cache spared, so unlike report.json it is not equal
from run to run. The estimate is the one of `--dry-run`: measured where a sample was
(`measured.json` in the run's folder), else assumed.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from prmkit.config import Recipe
from prmkit.errors import RunError
from prmkit.pipeline.context import AnyRun, Run
from prmkit.pipeline.estimate import (
    COMPLETER,
    Basis,
    Line,
    assumed,
    assumed_rollouts,
    cost_lines,
    n_parameters,
    rollout_lines,
)
from prmkit.pipeline.labelling import grown, kept
from prmkit.pipeline.rollout import RolloutRun
from prmkit.records import JudgeAnnotation, McAnnotation, Record, Solution, Usage
from prmkit.store import read_json, write_json
from prmkit.synthetic.problems import PARTS

COST = "cost.json"
MEASURED = "measured.json"

_STAGES = {"solutions": "solutions.", "rollouts": "rollouts", "judge": "judge."}


class Amount(Record):
    """Calls, tokens and operations, estimated or real."""

    n_calls: float
    """Completions."""
    prompt_tokens: float
    """Prompt tokens, cached or not."""
    cached_prompt_tokens: float | None
    """Part of them that a cache spared, as far as the model or server says; null in estimates."""
    generated_tokens: float
    """Tokens written."""
    operations: float | None
    """2 x parameters x all tokens; null where the size of the model is not known."""


class StageCost(Record):
    """One stage with one model."""

    stage: str
    """solutions, rollouts or judge."""
    model: str
    """A policy's name, or the judge's model."""
    estimated: Amount | None
    """Null where the estimate had no such line."""
    real: Amount | None
    """Null where nothing was asked."""


class Seconds(Record):
    """Time of one stage, all its models together."""

    estimated: float
    """At the estimate's speed."""
    real: float
    """As it took, over all resumes."""


class RunCost(Record):
    """The content of cost.json."""

    basis: str
    """What the estimate rests on."""
    stages: list[StageCost]
    """By stage and model."""
    seconds: dict[str, Seconds]
    """By stage."""


def keep_basis(folder: Path, basis: Basis) -> None:
    """Keep what was measured, for the comparison after the run."""
    write_json(folder / MEASURED, basis.model_dump(mode="json"))


def run_cost(run: Run) -> RunCost:
    """Estimated and real cost of a finished run, also written to cost.json."""
    basis = _measured(run) or assumed(run.recipe)
    return _compare(run, basis, cost_lines(run.recipe, basis), _spent(run))


def rollout_cost(run: RolloutRun) -> RunCost:
    """The same of a finished run of `prm rollout`."""
    solutions = kept(run, "solutions", Solution)
    basis = _measured(run) or assumed_rollouts(run.recipe, [s.steps for s in solutions])
    usage = _total(row.usage for row in kept(run, "rollouts", McAnnotation))
    real = {("rollouts", COMPLETER): _amount(usage, n_parameters(run.recipe.completer))}
    return _compare(run, basis, rollout_lines(run.recipe, len(solutions), basis), real)


def _compare(
    run: AnyRun, basis: Basis, lines: Sequence[Line], real: Mapping[tuple[str, str], Amount]
) -> RunCost:
    estimated = {(line.stage, line.model): _estimated(line) for line in lines}
    spent_s = run.folder.seconds()
    stages = list(dict.fromkeys(stage for stage, _ in (*estimated, *real)))
    cost = RunCost(
        basis=basis.said,
        stages=[
            StageCost(stage=s, model=m, estimated=estimated.get((s, m)), real=real.get((s, m)))
            for s, m in dict.fromkeys((*estimated, *real))
        ],
        seconds={
            stage: Seconds(
                estimated=sum(line.seconds for line in lines if line.stage == stage),
                real=sum(s for name, s in spent_s.items() if name.startswith(_STAGES[stage])),
            )
            for stage in stages
        },
    )
    write_json(run.folder.path / COST, cost.model_dump(mode="json"))
    return cost


def _spent(run: Run) -> dict[tuple[str, str], Amount]:
    """What each model was asked, by stage and model, from the run's tables."""
    recipe = run.recipe
    written = [s for part in PARTS for s in kept(run, f"solutions.{part}", Solution)]
    policy_of = {s.solution_id: s.policy for s in (*written, *grown(run))}
    rows = kept(run, "rollouts", McAnnotation)
    judged = [
        row for part in ("train", "process") for row in kept(run, f"judge.{part}", JudgeAnnotation)
    ]
    found: dict[tuple[str, str], Amount] = {}
    for name, policy in recipe.policies.items():
        own = _total(s.usage for s in written if s.policy == name)
        found["solutions", name] = _amount(own, n_parameters(policy))
    for name, policy in recipe.policies.items():
        own = _total(
            row.usage for row in rows if _completer(recipe, policy_of[row.solution_id]) == name
        )
        found["rollouts", name] = _amount(own, n_parameters(policy))
    votes = _total(row.usage for row in judged)
    found["judge", recipe.judge.model] = _amount(votes, n_parameters(recipe.judge))
    return {key: amount for key, amount in found.items() if amount.n_calls}


def _completer(recipe: Recipe, policy: str) -> str:
    return recipe.policies[policy].completer or policy


def _total(usages: Iterable[Usage]) -> Usage:
    return sum(usages, Usage())


def _amount(usage: Usage, parameters: float | None) -> Amount:
    tokens = usage.prompt_tokens + usage.generated_tokens
    return Amount(
        n_calls=usage.n_calls,
        prompt_tokens=usage.prompt_tokens,
        cached_prompt_tokens=usage.cached_prompt_tokens,
        generated_tokens=usage.generated_tokens,
        operations=None if parameters is None else 2 * parameters * tokens,
    )


def _estimated(line: Line) -> Amount:
    return Amount(
        n_calls=line.n_calls,
        prompt_tokens=line.prompt_tokens,
        cached_prompt_tokens=None,
        generated_tokens=line.generated_tokens,
        operations=line.operations,
    )


def _measured(run: AnyRun) -> Basis | None:
    path = run.folder.path / MEASURED
    if not path.exists():
        return None
    try:
        return Basis.model_validate(read_json(path))
    except ValidationError as error:
        raise RunError(f"{path}: damaged; delete it to compare with what is assumed") from error
