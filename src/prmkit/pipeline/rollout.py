"""The job of `prm rollout`: given solutions to Monte-Carlo labels and a report.

solutions.parquet, problems.parquet   what is rolled out, with the outcome of each final answer
solutions.grown.parquet   rollouts that became solutions; annotator `tree` alone
given.parquet         the first errors that came with the solutions, if any
rejected.parquet      solutions that cannot be rolled out, with the reason
rollouts.parquet      a Monte-Carlo annotation a solution
labelled.parquet      hard labels up to the first error, to train on or to export
labelled_soft.parquet shares of right draws; `exhaustive` alone, whose shares are unbiased
unlabelled.parquet    annotations that decide nothing, with the reason
report.json           counts, agreement with the given labels, distinct completions, cost
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from prmkit.config import RolloutRecipe, recipe_digest
from prmkit.intervals import Bootstrap
from prmkit.pipeline.context import Work
from prmkit.pipeline.distinct import distinct, of_rollouts
from prmkit.pipeline.estimate import COMPLETER
from prmkit.pipeline.findings import Cost, Distinct
from prmkit.pipeline.given import Given, read_given
from prmkit.pipeline.labelling import Completers, RolledOut, complete, keep, kept
from prmkit.records import (
    Estimate,
    GivenLabel,
    LabelledSolution,
    Outcome,
    Problem,
    Record,
    Rejected,
    Solution,
    Usage,
)
from prmkit.rollouts.estimate import labels_from_mc
from prmkit.store import write_json

REPORT = "report.json"

RolloutRun = Work[RolloutRecipe]
"""A run of `prm rollout`."""


class RolloutReport(Record):
    """The content of report.json; equal to the byte however often the run was killed."""

    name: str
    """The recipe's."""
    seed: int
    """The recipe's."""
    recipe_digest: str
    """SHA-256 of the resolved recipe."""
    counts: dict[str, dict[str, int]]
    """What each stage made, by stage."""
    with_error: Estimate | None
    """Share of labelled solutions with a wrong step; null if none could be labelled."""
    same_as_given: Estimate | None
    """Of solutions that came with labels, the share whose first error is placed alike."""
    distinct: Distinct | None
    """How different completions of the same prefix are."""
    cost: Cost
    """What the rollouts cost."""
    labelled_steps: int = Field(ge=0)
    """Steps that got a hard label."""


def run_rollouts(run: RolloutRun) -> RolloutReport:
    """Do or finish a run; its report, which is also in report.json."""
    given = _read(run)
    problems = {p.problem_id: p for p in given.problems}
    made = complete(run, given.solutions, problems, completers(run.recipe, given))
    labelled = _label(run, made, problems)
    report = _report(run, given, made, labelled)
    write_json(run.folder.path / REPORT, report.model_dump(mode="json"))
    return report


def completers(recipe: RolloutRecipe, given: Given) -> Completers:
    """The one model that completes all solutions; `verify` verifies the labels that came along."""
    claims = {label.solution_id: label for label in given.labels}
    models = {COMPLETER: recipe.completer}
    return Completers(recipe.rollouts, models, lambda _: COMPLETER, claims)


def _read(run: RolloutRun) -> Given:
    if not run.folder.is_done("solutions"):
        with run.stage("solutions", 0, "solutions") as work:
            given = read_given(run.recipe, run.judge_answer)
            keep(run, "problems", given.problems, Problem)
            keep(run, "given", given.labels, GivenLabel)
            keep(run, "rejected", given.rejected, Rejected)
            keep(run, "solutions", given.solutions, Solution)
            counts = {
                "solutions": len(given.solutions),
                "steps": sum(len(s.steps) for s in given.solutions),
                "problems": len(given.problems),
                "rejected": len(given.rejected),
                "labels": len(given.labels),
                **{o.value: sum(s.outcome is o for s in given.solutions) for o in Outcome},
            }
            run.folder.finish("solutions", counts)
            work.summary = ", ".join(f"{n} {word}" for word, n in counts.items())
    return Given(
        kept(run, "solutions", Solution),
        kept(run, "problems", Problem),
        kept(run, "given", GivenLabel),
        kept(run, "rejected", Rejected),
    )


def _label(
    run: RolloutRun, rolled_out: RolledOut, problems: Mapping[str, Problem]
) -> list[LabelledSolution]:
    """Write the training labels; the hard ones."""
    if not run.folder.is_done("labelled"):
        kinds: list[Literal["hard", "soft"]] = ["hard"]
        if run.recipe.rollouts.annotator == "exhaustive":
            kinds.append("soft")
        counts = dict[str, int]()
        for kind in kinds:
            made = [
                labels_from_mc(row, s, problems[s.problem_id], kind)
                for s, row in zip(*rolled_out, strict=True)
            ]
            good = [row for row in made if isinstance(row, LabelledSolution)]
            table = "labelled" if kind == "hard" else "labelled_soft"
            keep(run, table, good, LabelledSolution)
            counts[kind] = len(good)
            if kind == "hard":
                bad = [row for row in made if isinstance(row, Rejected)]
                keep(run, "unlabelled", bad, Rejected)
        run.folder.finish("labelled", counts)
    return kept(run, "labelled", LabelledSolution)


def _report(
    run: RolloutRun,
    given: Given,
    rolled_out: RolledOut,
    labelled: Sequence[LabelledSolution],
) -> RolloutReport:
    recipe, rows = run.recipe, rolled_out.mc
    interval = Bootstrap(recipe.seed, recipe.resamples)
    by_id = {s.solution_id: s for s in rolled_out.solutions}
    scored = [row for row in rows if not row.unscored]
    labels = {label.solution_id: label.first_error for label in given.labels}
    both = [row for row in scored if row.solution_id in labels]
    usage = sum((row.usage for row in rows), Usage())
    return RolloutReport(
        name=recipe.name,
        seed=recipe.seed,
        recipe_digest=recipe_digest(recipe),
        counts={name: entry.counts for name, entry in run.folder.manifest.stages.items()},
        with_error=interval.share(
            ((by_id[r.solution_id].problem_id, r.first_error is not None) for r in scored),
            len(rows) - len(scored),
        ),
        same_as_given=interval.share(
            (
                (by_id[r.solution_id].problem_id, r.first_error == labels[r.solution_id])
                for r in both
            ),
            len(labels) - len(both),
        ),
        distinct=distinct(of_rollouts(rows, by_id), interval),
        cost=Cost.model_validate(usage.model_dump(exclude={"cached_prompt_tokens"})),
        labelled_steps=sum(len(row.steps) for row in labelled),
    )
