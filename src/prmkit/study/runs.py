"""The runs that a label-cost study starts from: every draw of every step, made once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from prmkit.config import Recipe, TrainingConfig, recipe_differences
from prmkit.errors import RunError
from prmkit.generators.content import content_hash
from prmkit.generators.load import resolve_model
from prmkit.pipeline.evaluate import ProcessSet
from prmkit.pipeline.run import of_both_kinds
from prmkit.records import (
    JudgeAnnotation,
    LabelledSolution,
    McAnnotation,
    OracleAnnotation,
    Problem,
    Solution,
)
from prmkit.steps import label_steps
from prmkit.store import StoredRun, read_run, with_defaults

_OWN = ("seed:", "name:")  # in which the runs of one study may differ


class Drawn(NamedTuple):
    """A solution with all of its draws, the judge's view and the truth."""

    solution: Solution
    problem: Problem
    mc: McAnnotation
    judge: JudgeAnnotation
    truth: OracleAnnotation
    finished_is_known: bool
    """Whether the last step was taken to be worth what the solution's answer is."""


class StudyRun(NamedTuple):
    """One run, ready to be labelled in other ways, trained and evaluated on."""

    name: str
    seed: int
    k: int
    """The most draws a step that there are."""
    drawn: Sequence[Drawn]
    """Training solutions."""
    validation: Sequence[LabelledSolution]
    """Exactly labelled ones that choose a PRM's best weights."""
    process: ProcessSet
    """The ProcessBench-style set."""
    training: TrainingConfig
    base: str
    """Hash of the model that PRMs start from, which may be large: computed once."""
    decision: float
    """A step that scores below it is called wrong."""


def read_runs(paths: Sequence[Path], changes: Mapping[str, object] = {}) -> list[StudyRun]:
    """Read the runs of a study.

    Args:
        paths: Finished runs, alike but for the seed.
        changes: Keys of `training` that are to be other than in the runs' recipe.

    Raises:
        RunError: a run cannot serve, or differs from the first in more than its seed; says how.
    """
    stored = [read_run(path) for path in paths]
    first = stored[0]
    for other in stored[1:]:
        differences = recipe_differences(
            with_defaults(first.recipe, Recipe), with_defaults(other.recipe, Recipe)
        )
        wrong = [d for d in differences if not d.startswith(_OWN)]
        if wrong:
            raise RunError(
                f"{other.path}: differs from {first.path} in {wrong[0]}; allowed: in the seed"
            )
    names = [run.name for run in stored]
    seeds = [run.manifest.seed for run in stored]
    if len(set(names)) < len(names) or len(set(seeds)) < len(seeds):
        raise RunError(
            f"runs {', '.join(names)} with seeds {', '.join(map(str, seeds))}: each needs its own"
        )
    return [_study_run(run, changes) for run in stored]


def _study_run(run: StoredRun, changes: Mapping[str, object]) -> StudyRun:
    _check(run)
    rollouts = run.recipe["rollouts"]
    solutions = {s.solution_id: s for s in run.solutions["train"]}
    rows = zip(run.mc, run.judged["train"], run.truth["train"], strict=True)
    drawn = [
        Drawn(
            solutions[mc.solution_id],
            run.problems[solutions[mc.solution_id].problem_id],
            mc,
            judge,
            truth,
            bool(rollouts["finished_is_known"]),
        )
        for mc, judge, truth in rows
    ]
    training = TrainingConfig.model_validate({**run.recipe["training"], **changes})
    return StudyRun(
        name=run.name,
        seed=run.manifest.seed,
        k=int(rollouts["k"]),
        drawn=drawn,
        validation=_validation(run),
        process=_process_set(run),
        training=training,
        base=content_hash(resolve_model(training.base)),
        decision=float(run.recipe["evaluation"]["decision"]),
    )


def _check(run: StoredRun) -> None:
    rollouts: Mapping[str, object] = run.recipe.get("rollouts", {})
    if rollouts.get("annotator") != "exhaustive" or rollouts.get("redraws") != 0:
        raise RunError(
            f"{run.path}: rollouts.annotator = {rollouts.get('annotator')}, rollouts.redraws = "
            f"{rollouts.get('redraws')}; allowed: exhaustive and 0, as in recipes/label-cost.yaml"
        )
    missing = {
        "rollouts": run.mc,
        "judge.train": run.judged["train"],
        "truth.train": run.truth["train"],
        "truth.process": run.truth["process"],
    }
    gone = [name for name, rows in missing.items() if not rows]
    if gone:
        raise RunError(
            f"{run.path}: no {', '.join(gone)}; finish it with prm run, in the synthetic world"
        )


def _validation(run: StoredRun) -> list[LabelledSolution]:
    solutions = {s.solution_id: s for s in run.solutions["validation"]}
    return of_both_kinds(
        [
            label_steps(s, run.problems[s.problem_id], truth.first_error, "oracle")
            for truth in run.truth["validation"]
            for s in (solutions[truth.solution_id],)
        ]
    )


def _process_set(run: StoredRun) -> ProcessSet:
    solutions = {s.solution_id: s for s in run.solutions["process"]}
    truth = {row.solution_id: row.first_error for row in run.truth["process"]}
    chosen = [solutions[solution_id] for solution_id in truth]
    return ProcessSet(chosen, run.problems, truth).decidable()
