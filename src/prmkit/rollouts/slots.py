"""The draws of one step as they come in: K of them, each made again while it is unscored.

A draw that comes out unscored (cut off, failed, not checkable) is made again with another seed, at
most `redraws` times, and only where it decides the label. Its outcome is that of its first scored
attempt, or unscored if there is none; an unscored one is never counted as wrong. As every attempt
has a seed of its own, a draw's outcome does not depend on who asks for it or when: all annotators
decide about the same K outcomes, and one that did not make a draw again could not have been told
otherwise by it.
"""

from collections.abc import Sequence

from prmkit.config import RolloutConfig
from prmkit.generators.drive import Task
from prmkit.records import Outcome, StepEstimate
from prmkit.rollouts.draws import Draw, DrawAt, DrawSource
from prmkit.rollouts.estimate import Decision, Tally, hard_label


class StepDraws:
    """Draws of one step.

    Args:
        step: Index of the step.
        config: K, threshold and redraws.
    """

    def __init__(self, step: int, config: RolloutConfig) -> None:
        self.step = step
        self._config = config
        self._draws: list[Draw] = []
        self._n_attempts: list[int] = []

    @property
    def draws(self) -> Sequence[Draw]:
        """The draws made, each with its last attempt's outcome and the cost of all attempts."""
        return self._draws

    @property
    def tally(self) -> Tally:
        """The draws counted; one that can be made again counts as not made."""
        outcomes = [draw.outcome for draw in self._draws]
        n_again = len(self._again())
        return Tally(
            n_correct=outcomes.count(Outcome.CORRECT),
            n_unscored=outcomes.count(Outcome.UNSCORED) - n_again,
            n_left=self._config.k - len(outcomes) + n_again,
        )

    @property
    def decision(self) -> Decision:
        """What the draws say about the step."""
        return self.tally.decide(self._config.threshold)

    def places(self, n: int) -> list[DrawAt]:
        """The next n draws to make, fewer if fewer are left: new ones first, then those again."""
        new = range(len(self._draws), self._config.k)
        fresh = [DrawAt(self.step, draw) for draw in new]
        again = [DrawAt(self.step, draw, self._n_attempts[draw]) for draw in self._again()]
        return [*fresh, *again][:n]

    def add(self, places: Sequence[DrawAt], draws: Sequence[Draw]) -> None:
        """Take in draws that `places` asked for."""
        for at, draw in zip(places, draws, strict=True):
            if at.attempt:
                before = self._draws[at.draw]
                self._draws[at.draw] = draw._replace(usage=before.usage + draw.usage)
                self._n_attempts[at.draw] += 1
            else:
                self._draws.append(draw)
                self._n_attempts.append(1)

    def make(self, rollouts: DrawSource, n: int) -> Task[None]:
        """Make the next n draws."""
        places = self.places(n)
        self.add(places, (yield from rollouts.draw(places)))

    def decide(self, rollouts: DrawSource) -> Task[None]:
        """Draw until the label is decided, asking for no draw that could turn out superfluous."""
        while self.decision is Decision.OPEN:
            yield from self.make(rollouts, self.tally.n_needed(self._config.threshold))

    def estimate(self) -> StepEstimate:
        """The estimate that the draws give."""
        outcomes = tuple(draw.outcome for draw in self._draws)
        return StepEstimate(
            outcomes=outcomes,
            hard=hard_label(outcomes, self._config.k, self._config.threshold),
            usages=tuple(draw.usage for draw in self._draws),
        )

    def _again(self) -> list[int]:
        """Draws that came out unscored and may be made again."""
        return [
            index
            for index, draw in enumerate(self._draws)
            if draw.outcome is Outcome.UNSCORED and self._n_attempts[index] <= self._config.redraws
        ]
