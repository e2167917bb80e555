"""What a run costs by stage, and its labels by model, labelled step and solution, and kept one.

Costs of labels are those of the rollouts and of the judge together. All figures of the report
follow from the tables and are the same however often the run was killed; what is not (seconds, and
which prompt tokens a batch or a server had cached) is in cost.json (`prmkit.pipeline.spent`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prmkit.config import ModelConfig
from prmkit.intervals import Bootstrap
from prmkit.pipeline.estimate import n_parameters
from prmkit.pipeline.findings import Cost, LabelCost, ModelCost
from prmkit.records import Estimate, JudgeAnnotation, McAnnotation, Solution, Usage
from prmkit.rollouts.certificate import fewest_draws

_UNITS = ("labelled step", "labelled solution", "kept solution")


class LabelledRow(NamedTuple):
    """A solution with both of its annotations."""

    solution: Solution
    mc: McAnnotation
    judge: JudgeAnnotation
    kept: bool


class Models(NamedTuple):
    """Who did the work."""

    completer: Callable[[Solution], str]
    """The name of the policy that completes a solution."""
    policies: Mapping[str, ModelConfig]
    """By name."""
    judge: ModelConfig
    """The judge."""


class _Sizes(NamedTuple):
    """Parameters of each model; None where unknown."""

    policies: Mapping[str, float | None]
    judge: float | None


def stage_costs(usages: Mapping[str, Usage]) -> dict[str, Cost]:
    """Tokens by stage, for the report."""
    return {
        stage: Cost.model_validate(usage.model_dump(exclude={"cached_prompt_tokens"}))
        for stage, usage in usages.items()
    }


def label_cost(rows: Sequence[LabelledRow], models: Models, interval: Bootstrap) -> LabelCost:
    """Account for the rollouts and verdicts of a run.

    Args:
        rows: Every solution that both sides looked at.
        models: Who completed and who judged.
        interval: How intervals are made; problems are drawn whole.
    """
    used = {models.completer(row.solution) for row in rows}
    sizes = _Sizes(
        {name: n_parameters(models.policies[name]) for name in models.policies if name in used},
        n_parameters(models.judge),
    )
    return LabelCost(
        models=list(_by_model(rows, models, sizes)),
        n_labelled_steps=sum(_n_labelled_steps(row) for row in rows),
        n_labelled_solutions=sum(not row.mc.unscored for row in rows),
        n_kept_solutions=sum(row.kept for row in rows),
        per=_per_unit(rows, models, sizes, interval),
        n_draws=sum(row.mc.usage.n_calls for row in rows),
        n_certificate_draws=sum(_certificate(row) for row in rows),
        draws_over_certificate=_ratio(
            rows, lambda row: row.mc.usage.n_calls, _certificate, interval
        ),
    )


def _by_model(rows: Sequence[LabelledRow], models: Models, sizes: _Sizes) -> Iterator[ModelCost]:
    for name, size in sizes.policies.items():
        own = (row.mc.usage for row in rows if models.completer(row.solution) == name)
        yield _model_cost("rollouts", name, own, size)
    yield _model_cost("judge", models.judge.model, (row.judge.usage for row in rows), sizes.judge)


def _model_cost(work: str, model: str, usages: Iterable[Usage], size: float | None) -> ModelCost:
    usage = sum(usages, Usage())
    return ModelCost(
        work=work,
        model=model,
        n_calls=usage.n_calls,
        prompt_tokens=usage.prompt_tokens,
        generated_tokens=usage.generated_tokens,
        parameters=size,
        operations=_operations(usage, size),
    )


def _per_unit(
    rows: Sequence[LabelledRow], models: Models, sizes: _Sizes, interval: Bootstrap
) -> dict[str, dict[str, Estimate]]:
    costs: dict[str, Callable[[LabelledRow], float]] = {
        "rollouts": lambda row: row.mc.usage.n_calls,
        "prompt_tokens": lambda row: (row.mc.usage + row.judge.usage).prompt_tokens,
        "generated_tokens": lambda row: (row.mc.usage + row.judge.usage).generated_tokens,
    }
    if None not in (*sizes.policies.values(), sizes.judge):
        costs["operations"] = lambda row: _row_operations(row, models, sizes)
    units: tuple[Callable[[LabelledRow], float], ...] = (
        _n_labelled_steps,
        lambda row: not row.mc.unscored,
        lambda row: row.kept,
    )
    found = {
        unit: {what: _ratio(rows, cost, count, interval) for what, cost in costs.items()}
        for unit, count in zip(_UNITS, units, strict=True)
    }
    return {
        unit: figures
        for unit, by_cost in found.items()
        if (figures := {what: figure for what, figure in by_cost.items() if figure is not None})
    }


def _ratio(
    rows: Sequence[LabelledRow],
    above: Callable[[LabelledRow], float],
    below: Callable[[LabelledRow], float],
    interval: Bootstrap,
) -> Estimate | None:
    """Ratio of two sums over rows; None where the one below is 0."""
    return interval.ratio((row.solution.problem_id, above(row), below(row)) for row in rows)


def _row_operations(row: LabelledRow, models: Models, sizes: _Sizes) -> float:
    completer = sizes.policies[models.completer(row.solution)]
    parts = ((row.mc.usage, completer), (row.judge.usage, sizes.judge))
    return sum(_operations(usage, size) or 0.0 for usage, size in parts)


def _operations(usage: Usage, parameters: float | None) -> float | None:
    """2 x parameters x tokens, prompt and generated, as if no prefix were shared."""
    if parameters is None:
        return None
    return 2 * parameters * (usage.prompt_tokens + usage.generated_tokens)


def _n_labelled_steps(row: LabelledRow) -> int:
    """Steps that Monte Carlo labels, up to the first error."""
    if row.mc.unscored:
        return 0
    error = row.mc.first_error
    return len(row.solution.steps) if error is None else error + 1


def _certificate(row: LabelledRow) -> int:
    if row.mc.annotator == "tree":
        return 0  # solutions share draws, so theirs do not add up to a bound
    return fewest_draws(row.mc, row.judge, len(row.solution.steps))
