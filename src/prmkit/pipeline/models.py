"""Stages that train the arms' PRMs and score solutions with them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from prmkit.config import ArmConfig
from prmkit.errors import ConfigError
from prmkit.generators.load import resolve_model
from prmkit.pipeline.context import Run
from prmkit.pipeline.evaluate import by_hash
from prmkit.pipeline.labelling import keep, kept
from prmkit.records import (
    JudgeAnnotation,
    LabelledSolution,
    McAnnotation,
    OracleAnnotation,
    Problem,
    Question,
    Rejected,
    Solution,
    StepScores,
)
from prmkit.rollouts.estimate import labels_from_mc, relabel_by_progress
from prmkit.scoring.base import ScoringItem, StepScorer
from prmkit.steps import label_steps
from prmkit.training.trainer import TrainOptions, train_prm

_SCORED_AT_ONCE = 128  # solutions between two looks at the clock


_AnyAnnotation = McAnnotation | JudgeAnnotation | OracleAnnotation
Annotations = Mapping[str, Sequence[_AnyAnnotation]]
"""Annotations of the same solutions by source: mc, judge, oracle."""


class LabelBook(NamedTuple):
    """Everything that training labels are made of."""

    solutions: Mapping[str, Solution]
    """By solution id."""
    problems: Mapping[str, Problem]
    """By problem id."""
    annotations: Annotations
    """By source."""
    consensus: Sequence[LabelledSolution]
    """What the consensus filter kept."""

    def labels(self, arm: ArmConfig) -> list[LabelledSolution]:
        """Labelled solutions as an arm wants them; unscored ones are left out."""
        if arm.labels == "consensus":
            return list(self.consensus)
        rows = self.annotations["mc" if arm.labels.startswith("mc") else arm.labels]
        labelled = [self._label(arm, row) for row in rows if not row.unscored]
        return [row for row in labelled if isinstance(row, LabelledSolution)]

    def _label(self, arm: ArmConfig, row: _AnyAnnotation) -> LabelledSolution | Rejected:
        solution = self.solutions[row.solution_id]
        problem = self.problems[solution.problem_id]
        if isinstance(row, McAnnotation):
            if arm.labels == "mc_progress":
                row = relabel_by_progress(row, arm.progress, len(solution.steps))
            return labels_from_mc(
                row, solution, problem, "soft" if arm.labels == "mc_soft" else "hard"
            )
        return label_steps(solution, problem, row.first_error, arm.labels)


def prm_path(run: Run, arm: str) -> Path:
    """Where an arm's PRM lies."""
    return run.folder.path / "prms" / arm


def train_arm(
    run: Run,
    arm: ArmConfig,
    examples: Sequence[LabelledSolution],
    validation: Sequence[LabelledSolution],
) -> Path:
    """Train one arm's PRM; its directory."""
    stage, out = f"train.{arm.name}", prm_path(run, arm.name)
    if run.folder.is_done(stage) and out.exists():
        return out
    chosen = arm.training or run.recipe.training
    config = chosen.model_copy(update={"base": str(resolve_model(chosen.base))})
    if not examples:
        raise ConfigError(f"arm {arm.name}: no solution has {arm.labels} labels; label more")
    with run.stage(stage, 0, "updates") as work:
        options = TrainOptions(resume=True, on_progress=work.at)
        if not out.exists():  # else: killed after the model was written, before it was noted
            train_prm(examples, validation, config, out, run.recipe.seed, options)
        counts = {
            "solutions": len(examples),
            "steps": sum(len(e.labels) for e in examples),
            "negative": sum(label < 0.5 for e in examples for label in e.labels),
        }
        run.folder.finish(stage, counts)
        work.summary = f"{len(examples)} solutions, {counts['negative']} of them with an error"
    return out


def score(
    run: Run,
    arm: str,
    part: str,
    solutions: Sequence[Solution],
    problems: Mapping[str, Question],
) -> list[StepScores]:
    """An arm's step scores of a part's solutions."""
    from prmkit.scoring.hf import PrmScorer

    stage = f"scores.{arm}.{part}"
    if not run.folder.is_done(stage):
        with run.stage(stage, len(solutions), "solutions") as work:
            rows: list[StepScores] = []
            for chunk in score_in_chunks(PrmScorer(prm_path(run, arm)), solutions, problems):
                rows += chunk
                work.advance(len(chunk))
            named = [row.model_copy(update={"model": arm}) for row in rows]
            keep(run, stage, named, StepScores)
            n_unscored = sum(bool(row.unscored) for row in rows)
            run.folder.finish(stage, {"scored": len(rows) - n_unscored, "unscored": n_unscored})
            work.summary = f"{len(rows)} solutions, {n_unscored} unscored"
    return kept(run, stage, StepScores)


def score_in_chunks(
    scorer: StepScorer, solutions: Sequence[Solution], problems: Mapping[str, Question]
) -> Iterator[list[StepScores]]:
    """Step scores of solutions, some at a time, in their order."""
    for start in range(0, len(solutions), _SCORED_AT_ONCE):
        yield scorer.score(
            [
                ScoringItem(
                    solution_id=s.solution_id,
                    question=problems[s.problem_id].question,
                    steps=s.steps,
                )
                for s in solutions[start : start + _SCORED_AT_ONCE]
            ]
        )


def score_labelled(
    run: Run,
    held_out: Sequence[Solution],
    trained_on: Sequence[Solution],
    problems: Mapping[str, Question],
) -> None:
    """Score some labelled solutions with every arm's PRM, for people to look at.

    Held-out ones come first; of each kind a hash of the ids decides which. Nothing is evaluated on
    them: which arm has learnt from which solution is told by `prmkit.analysis.view.learnt_from`.
    """
    chosen = [*sorted(held_out, key=by_hash), *sorted(trained_on, key=by_hash)]
    chosen = chosen[: run.recipe.evaluation.labelled_cases]
    if chosen:
        for arm in run.recipe.arms:
            score(run, arm.name, "labelled", chosen, problems)
