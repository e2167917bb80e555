"""Draws of the past: what another annotator would have found, from an annotation's stored draws.

Every draw has a seed of its own, so an annotator that asks for a draw that was made finds what was
found then. One exhaustive sampling at the largest K so answers for every annotator, every smaller K
and every threshold, outcomes and costs alike, without a model.
"""

from collections.abc import Sequence

from prmkit.errors import DataError
from prmkit.generators.base import Request
from prmkit.generators.drive import Task
from prmkit.records import McAnnotation, Outcome, Solution
from prmkit.rollouts.draws import Draw, DrawAt


class Replayed:
    """A `DrawSource` of stored draws.

    Args:
        annotation: Draws of every step that will be asked for, with what they cost. None was made
            again (`redraws: 0`): what is unscored stays so.
        solution: What they are draws of.

    Raises:
        DataError: the annotation is of another solution, or does not say what its draws cost.
    """

    def __init__(self, annotation: McAnnotation, solution: Solution) -> None:
        if annotation.solution_id != solution.solution_id:
            raise DataError(
                f"annotation of {annotation.solution_id} given for {solution.solution_id}"
            )
        for index, step in enumerate(annotation.steps):
            if len(step.usages) != len(step.outcomes):
                raise DataError(
                    f"{solution.solution_id}, step {index}: {len(step.outcomes)} outcomes, "
                    f"{len(step.usages)} costs; allowed: one for each"
                )
        self._annotation = annotation
        self._solution = solution

    @property
    def solution(self) -> Solution:
        """What is annotated."""
        return self._solution

    def draw(self, places: Sequence[DrawAt]) -> Task[list[Draw]]:
        """The stored draws at these places.

        Raises:
            DataError: one was not made.
        """
        return [self._stored(at) for at in places]
        yield []  # a task, though one that asks for nothing

    def _stored(self, at: DrawAt) -> Draw:
        steps = self._annotation.steps
        if at.attempt or at.step >= len(steps) or at.draw >= len(steps[at.step].outcomes):
            raise DataError(
                f"{self._solution.solution_id}: draw {at.draw} of step {at.step}"
                f"{f', attempt {at.attempt}' if at.attempt else ''} was not made by "
                f"{self._annotation.annotator} with K = {self._annotation.k}"
            )
        step = steps[at.step]
        outcome = step.outcomes[at.draw]
        reason = "unscored" if outcome is Outcome.UNSCORED else ""
        return Draw(outcome, reason, step.usages[at.draw])


def settled(task: Task[McAnnotation]) -> McAnnotation:
    """The result of an annotator over stored draws, which waits for nothing.

    Raises:
        DataError: it asks for a draw that was not made.
    """
    try:
        requests: list[Request] = next(task)
    except StopIteration as stop:
        found: McAnnotation = stop.value
        return found
    raise DataError(f"{len(requests)} draws would have to be made")
