"""Assembling a Monte-Carlo annotation from the draws of its steps."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from prmkit.config import RolloutConfig
from prmkit.records import McAnnotation, Outcome, Solution, StepEstimate, Usage
from prmkit.rollouts.draws import Draw
from prmkit.rollouts.estimate import first_error
from prmkit.rollouts.slots import StepDraws


class AnnotatedStep(NamedTuple):
    """A step's estimate and what explains and cost it."""

    estimate: StepEstimate
    """Outcomes and hard label."""
    draws: Sequence[Draw]
    """The draws behind it; none where the outcome was known."""


def from_draws(step: StepDraws) -> AnnotatedStep:
    """Estimate a step from its draws, in draw order."""
    texts = [draw.text for draw in step.draws if draw.text is not None]
    counted = {"n_completions": len(texts), "n_distinct": len(set(texts))}
    return AnnotatedStep(step.estimate().model_copy(update=counted), step.draws)


def known_step(solution: Solution, step: int, config: RolloutConfig) -> AnnotatedStep | None:
    """The estimate of a last step that needs no draws, or None.

    With `finished_is_known`, the last step of a finished solution is worth what its own answer is:
    there is nothing left to complete. This makes the last step of every wrong solution negative, so
    no wrong solution is ever labelled free of errors, and saves K draws a solution. A solution
    whose own outcome is unscored has no known step.
    """
    is_last = step == len(solution.steps) - 1
    if not (config.finished_is_known and is_last) or solution.outcome is Outcome.UNSCORED:
        return None
    hard = solution.outcome is Outcome.CORRECT
    return AnnotatedStep(StepEstimate(outcomes=(), hard=hard, known=True), ())


def assemble(
    annotator: str, solution: Solution, config: RolloutConfig, steps: Sequence[AnnotatedStep]
) -> McAnnotation:
    """The annotation of a solution from its first steps, those that were not looked at empty."""
    found = first_error(step.estimate.hard for step in steps)
    unscored = "" if found.undecided is None else undecided_reason(found.undecided, steps)
    return McAnnotation(
        solution_id=solution.solution_id,
        first_error=found.step,
        unscored=unscored,
        annotator=annotator,
        k=config.k,
        threshold=config.threshold,
        steps=tuple(step.estimate for step in steps),
        usage=sum((draw.usage for step in steps for draw in step.draws), Usage()),
    )


def undecided_reason(step: int, steps: Sequence[AnnotatedStep]) -> str:
    """Why a step has no hard label, e.g. `step 2 undecided: 1 timeout, 2 unfinished`."""
    if not steps[step].draws:
        return f"step {step}: no draws were made"
    reasons = Counter(d.reason for d in steps[step].draws if d.outcome is Outcome.UNSCORED)
    counted = ", ".join(f"{n} {reason or 'unscored'}" for reason, n in sorted(reasons.items()))
    return f"step {step} undecided: {counted}"
