"""The seam between stages and process reward models: solutions in, step scores out.

Text goes in, not tokens: two PRMs split the same step into different tokens, and their scores meet
only step by step.
"""

import math
from collections.abc import Sequence
from typing import Protocol

from pydantic import Field

from prmkit.errors import DataError
from prmkit.records import Record, StepScores


class ScoringItem(Record):
    """A solution, or the beginning of one, whose steps are to be scored."""

    solution_id: str = Field(min_length=1)
    """Comes back in the scores."""
    question: str
    """The problem's text."""
    steps: tuple[str, ...]
    """The steps in order, without their delimiter."""


class StepScorer(Protocol):
    """A process reward model."""

    @property
    def model_id(self) -> str:
        """Name and content of the model; two different models never share one."""

    def score(self, items: Sequence[ScoringItem]) -> list[StepScores]:
        """Score each step of each item; one result an item, in the order of `items`.

        An item that cannot be scored (too long, an empty step, ...) comes back with its reason in
        `unscored`, and the rest goes on.
        """


def scored(item: ScoringItem, model_id: str, scores_S: Sequence[float]) -> StepScores:
    """Build the scores of one item.

    Args:
        item: What was scored.
        model_id: Which model scored it.
        scores_S: Probability that each step is right, one a step.

    Raises:
        DataError: the number of scores is not the number of steps, or one lies outside [0, 1].
    """
    if len(scores_S) != len(item.steps):
        raise DataError(
            f"{item.solution_id}: {len(item.steps)} steps but {len(scores_S)} scores by {model_id}"
        )
    for step, score in enumerate(scores_S):
        if math.isnan(score) or not 0.0 <= score <= 1.0:
            raise DataError(f"{item.solution_id}: score of step {step} is {score}, not in [0, 1]")
    return StepScores(solution_id=item.solution_id, model=model_id, scores=tuple(scores_S))


def unscored(item: ScoringItem, model_id: str, reason: str) -> StepScores:
    """Build the result of an item that has no scores, with the reason."""
    return StepScores(solution_id=item.solution_id, model=model_id, scores=(), unscored=reason)
