"""Stages that train the arms' PRMs and score solutions with them."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from prmkit.config import ArmConfig
from prmkit.errors import ConfigError
from prmkit.generators.load import cores, is_small, resolve_model
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
from prmkit.steps import label_steps
from prmkit.training.apart import Training, train_apart
from prmkit.training.trainer import TrainOptions, train_prm

_SCORED_AT_ONCE = 128  # solutions between two looks at the clock


_AnyAnnotation = McAnnotation | JudgeAnnotation | OracleAnnotation
Annotations = Mapping[str, Sequence[_AnyAnnotation]]
"""Annotations of the same solutions by source: mc, judge, oracle."""


_Rows = Sequence[LabelledSolution]
_WRONG = 0.5  # a label below it is a wrong step


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


def train_arms(
    run: Run, labelled: Mapping[str, Sequence[LabelledSolution]], validation: _Rows
) -> None:
    """Train the PRM of every arm that has none yet.

    Small models on a CPU are trained side by side, a core each.

    Args:
        run: The run.
        labelled: What each arm learns from, by its name.
        validation: What chooses the best weights.

    Raises:
        ConfigError: an arm has nothing to learn from.
    """
    for arm in run.recipe.arms:
        if not labelled[arm.name]:
            raise ConfigError(f"arm {arm.name}: no solution has {arm.labels} labels; label more")
    todo = [
        _training(run, arm, labelled[arm.name], validation)
        for arm in run.recipe.arms
        if not (run.folder.is_done(f"train.{arm.name}") and prm_path(run, arm.name).exists())
    ]
    waiting = [t for t in todo if not t.out.exists()]  # else: killed before it was noted
    if _is_small_work(run, waiting):
        _side_by_side(run, waiting)
    for training in todo:
        stage = f"train.{training.name}"
        if training.out.exists():
            run.folder.finish(stage, _counts(training))
            continue
        with run.stage(stage, 0, "updates") as work:
            options = TrainOptions(resume=True, on_progress=work.at)
            train_prm(*training[1:], options)
            run.folder.finish(stage, _counts(training))
            work.summary = _told(training)


def _training(run: Run, arm: ArmConfig, examples: _Rows, validation: _Rows) -> Training:
    chosen = arm.training or run.recipe.training
    config = chosen.model_copy(update={"base": str(resolve_model(chosen.base))})
    out = prm_path(run, arm.name)
    return Training(arm.name, examples, validation, config, out, run.recipe.seed)


def _counts(training: Training) -> dict[str, int]:
    labels = [label for row in training.examples for label in row.labels]
    return {
        "solutions": len(training.examples),
        "steps": len(labels),
        "negative": sum(label < _WRONG for label in labels),
    }


def _told(training: Training) -> str:
    counts = _counts(training)
    return f"{counts['solutions']} solutions, {counts['negative']} of them with an error"


def _is_small_work(run: Run, waiting: Sequence[Training]) -> bool:
    from torch.cuda import is_available

    small = all(is_small(Path(training.config.base)) for training in waiting)
    return bool(waiting) and cores(run.recipe.threads) > 1 and small and not is_available()


def _side_by_side(run: Run, waiting: Sequence[Training]) -> None:
    lock, done = threading.Lock(), dict[str, tuple[int, int]]()

    def on_progress(name: str, update: int, of: int) -> None:
        with lock:
            before = done.get(name, (0, 0))[0]
            done[name] = (update, of)
            run.progress.resize(sum(n for _, n in done.values()))
            run.progress.advance(update - before)

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        clock = ExitStack()
        with lock:
            clock.enter_context(run.folder.timed(f"train.{name}"))
        try:
            yield
        finally:
            with lock:
                clock.close()

    run.progress.begin("training", 0, "updates")
    n = min(cores(run.recipe.threads), len(waiting))
    train_apart(waiting, n, on_progress, timed)
    run.progress.end("; ".join(f"{t.name}: {_told(t)}" for t in waiting))


def score(
    run: Run,
    arm: str,
    part: str,
    solutions: Sequence[Solution],
    problems: Mapping[str, Question],
) -> list[StepScores]:
    """An arm's step scores of a part's solutions."""
    from prmkit.scoring.base import ScoringItem
    from prmkit.scoring.hf import PrmScorer

    stage = f"scores.{arm}.{part}"
    if not run.folder.is_done(stage):
        with run.stage(stage, len(solutions), "solutions") as work:
            scorer = PrmScorer(prm_path(run, arm))
            rows: list[StepScores] = []
            for start in range(0, len(solutions), _SCORED_AT_ONCE):
                chunk = solutions[start : start + _SCORED_AT_ONCE]
                rows += scorer.score(
                    [
                        ScoringItem(
                            solution_id=s.solution_id,
                            question=problems[s.problem_id].question,
                            steps=s.steps,
                        )
                        for s in chunk
                    ]
                )
                work.advance(len(chunk))
            named = [row.model_copy(update={"model": arm}) for row in rows]
            keep(run, stage, named, StepScores)
            n_unscored = sum(bool(row.unscored) for row in rows)
            run.folder.finish(stage, {"scored": len(rows) - n_unscored, "unscored": n_unscored})
            work.summary = f"{len(rows)} solutions, {n_unscored} unscored"
    return kept(run, stage, StepScores)


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
