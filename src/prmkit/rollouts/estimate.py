"""From the outcomes of stored draws to step labels, with no new rollouts.

Hard and soft estimation as in Math-Shepherd (arXiv 2312.08935) with the threshold of arXiv
2501.07301, figure 5: of K draws from the end of a step, more than t must be correct for the step to
be positive. A draw can also be unscored (cut off, failed, not checkable), which is neither right
nor wrong. Of c correct, u unscored and r not made draws:

* positive if c > t: no other draw can take that back;
* negative if c + u + r <= t: not even if all of the others were correct;
* undecided if the unscored ones decide: c + r <= t < c + u;
* open otherwise: the draws that are still to be made can settle it.

With all K draws made and scored this is the plain rule. A step that stays undecided has no hard
label, and if it comes before the first negative step the whole solution is unscored.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from fractions import Fraction
from typing import Literal, NamedTuple, Self

from prmkit.errors import ConfigError, DataError
from prmkit.records import (
    LabelledSolution,
    McAnnotation,
    Outcome,
    Problem,
    Rejected,
    Solution,
    StepEstimate,
)
from prmkit.steps import check_same_problem, label_steps


class Decision(Enum):
    """What the draws made so far say about a step."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNDECIDED = "undecided"
    """Unscored draws could have changed the label, and no draw to come can make up for them."""
    OPEN = "open"
    """Draws are still to be made that can settle it."""

    @property
    def hard(self) -> bool | None:
        """The hard label; None where there is none."""
        return {Decision.POSITIVE: True, Decision.NEGATIVE: False}.get(self)


class Tally(NamedTuple):
    """Draws of one step, counted."""

    n_correct: int
    """Draws that reached the reference answer."""
    n_unscored: int
    """Draws that are neither correct nor incorrect."""
    n_left: int
    """Draws of the K that were not made."""

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], k: int) -> Self:
        """Count the outcomes of the draws made of k.

        Raises:
            DataError: there are more than k.
        """
        if len(outcomes) > k:
            raise DataError(f"{len(outcomes)} draws of at most {k}")
        n_correct, n_unscored = map(outcomes.count, (Outcome.CORRECT, Outcome.UNSCORED))
        return cls(n_correct, n_unscored, k - len(outcomes))

    def decide(self, threshold: int) -> Decision:
        """Apply the rule of this module."""
        if self.n_correct > threshold:
            return Decision.POSITIVE
        if self.n_correct + self.n_unscored + self.n_left <= threshold:
            return Decision.NEGATIVE
        if self.n_correct + self.n_left <= threshold < self.n_correct + self.n_unscored:
            return Decision.UNDECIDED
        return Decision.OPEN

    def n_needed(self, threshold: int) -> int:
        """Draws without which an open step cannot be decided either way, at least 1.

        A positive label takes threshold + 1 - n_correct more correct draws; any other decision
        takes so few draws left that the threshold is out of their reach.
        """
        to_reach = threshold + 1 - self.n_correct
        to_rule_out = self.n_left - (threshold - self.n_correct)
        return max(1, min(to_reach, to_rule_out))


class FirstError(NamedTuple):
    """Where the first negative step of a solution is."""

    step: int | None
    """The first negative step; None if no step looked at is negative."""
    undecided: int | None
    """A step with no hard label that comes before it, so that nothing can be said; else None."""


def hard_label(outcomes: Sequence[Outcome], k: int, threshold: int) -> bool | None:
    """Hard label of a step from the outcomes of up to k draws; None = the draws do not decide it.

    Raises:
        DataError: there are more than k outcomes.
    """
    return Tally.of(outcomes, k).decide(threshold).hard


def soft_label(estimate: StepEstimate) -> float | None:
    """Share of correct draws, in [0, 1]; a known step's is 0 or 1; None if no draw was scored."""
    share = _exact_share(estimate)
    return None if share is None else float(share)


def first_error(hards: Iterable[bool | None]) -> FirstError:
    """Find the first step that is not positive among hard labels in step order."""
    for step, hard in enumerate(hards):
        if hard is None:
            return FirstError(None, step)
        if not hard:
            return FirstError(step, None)
    return FirstError(None, None)


def relabel(annotation: McAnnotation, threshold: int, n_steps: int) -> McAnnotation:
    """The annotation at another threshold, from the draws that it holds.

    Args:
        annotation: Draws and labels at any threshold.
        threshold: The new one, below the annotation's k.
        n_steps: Steps of the solution.

    Returns:
        The same draws with new labels. Where an annotator stopped too early for this threshold,
        the solution is unscored with that reason.

    Raises:
        ConfigError: the threshold is not in [0, k).
    """
    if not 0 <= threshold < annotation.k:
        raise ConfigError(f"threshold {threshold} must be in [0, k = {annotation.k})")
    steps = tuple(
        step
        if step.known
        else step.model_copy(update={"hard": hard_label(step.outcomes, annotation.k, threshold)})
        for step in annotation.steps
    )
    return _relabelled(annotation, steps, threshold, n_steps)


def relabel_by_progress(annotation: McAnnotation, least: float, n_steps: int) -> McAnnotation:
    """The annotation with steps judged by relative progress, from the draws that it holds.

    Step s is positive if MC(s) / MC(s - 1) >= least, where MC is the share of correct draws (arXiv
    2504.00891, equation 4 and figure 4, with 0.8 as best). There are no draws from the question
    itself, so the first step is positive if any draw from its end is correct. 0/0 does not come up:
    a step with MC = 0 is negative, and later ones say nothing. A last step that is known has
    MC 0 or 1.

    Args:
        annotation: Of an annotator that makes every draw.
        least: In (0, 1].
        n_steps: Steps of the solution.

    Returns:
        The same draws with new labels; unscored where a share is not known.

    Raises:
        ConfigError: `least` is not in (0, 1], or the annotator stops early, so shares are biased.
    """
    if not 0.0 < least <= 1.0:
        raise ConfigError(f"relative progress {least} must be in (0, 1]")
    steps: list[StepEstimate] = []
    before: Fraction | None = None
    for step, estimate in enumerate(annotation.steps):
        _check_all_drawn("relative progress needs", annotation, step)
        share = _exact_share(estimate)
        if share is None or (step and before is None):
            hard = None
        else:
            hard = share > 0 and (before is None or share >= Fraction(str(least)) * before)
        steps.append(estimate.model_copy(update={"hard": hard}))
        before = share
    return _relabelled(annotation, tuple(steps), annotation.threshold, n_steps)


def _check_all_drawn(who_needs: str, annotation: McAnnotation, step: int) -> None:
    """Refuse a share of a step at which an annotator stopped early: it is biased."""
    estimate = annotation.steps[step]
    if not estimate.known and len(estimate.outcomes) < annotation.k:
        raise ConfigError(
            f"{annotation.solution_id}: {who_needs} all {annotation.k} draws of step {step}, "
            f"{annotation.annotator} made {len(estimate.outcomes)}"
        )


def _exact_share(estimate: StepEstimate) -> Fraction | None:
    """The share of correct draws without rounding, so that 6/10 is 0.75 of 8/10."""
    if estimate.known:
        return Fraction(bool(estimate.hard))
    return Fraction(estimate.n_correct, estimate.n_scored) if estimate.n_scored else None


def _relabelled(
    annotation: McAnnotation, steps: tuple[StepEstimate, ...], threshold: int, n_steps: int
) -> McAnnotation:
    """The annotation with other labels on its steps."""
    found = first_error(step.hard for step in steps)
    reason = ""
    if found.undecided is not None:
        reason = f"step {found.undecided}: the draws made do not decide it"
    elif found.step is None and len(steps) < n_steps:
        reason = f"step {len(steps)}: no draws were made"
    values = {
        "steps": steps,
        "threshold": threshold,
        "first_error": found.step,
        "unscored": reason,
    }
    return McAnnotation.model_validate({**dict(annotation), **values})


def labels_from_mc(
    annotation: McAnnotation, solution: Solution, problem: Problem, kind: Literal["hard", "soft"]
) -> LabelledSolution | Rejected:
    """Training labels from a Monte-Carlo annotation; steps after the first error are cut.

    Args:
        annotation: Of this solution.
        solution: What was annotated.
        problem: What it solves.
        kind: `hard`: 1 before the first error and 0 at it. `soft`: the share of correct draws.

    Returns:
        The labelled solution, or why it has no labels.

    Raises:
        DataError: the three do not belong together.
        ConfigError: soft labels of an annotator that stops early, where shares are biased.
    """
    if annotation.solution_id != solution.solution_id:
        raise DataError(f"annotation of {annotation.solution_id} given for {solution.solution_id}")
    check_same_problem(solution, problem)
    if annotation.unscored:
        return Rejected(row=solution.solution_id, reason=annotation.unscored)
    hard = label_steps(solution, problem, annotation.first_error, "mc")
    return hard if kind == "hard" else _softened(hard, annotation)


def _softened(hard: LabelledSolution, annotation: McAnnotation) -> LabelledSolution | Rejected:
    shares: list[float] = []
    estimates = annotation.steps[: len(hard.steps)]
    for step, (estimate, _) in enumerate(zip(estimates, hard.steps, strict=True)):
        _check_all_drawn("soft labels need", annotation, step)
        share = soft_label(estimate)
        if share is None:
            return Rejected(row=hard.solution_id, reason=f"step {step}: no draw was scored")
        shares.append(share)
    return LabelledSolution.model_validate({**dict(hard), "labels": tuple(shares)})
