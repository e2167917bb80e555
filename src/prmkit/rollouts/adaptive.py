"""Monte-Carlo annotation that draws at a step until its value is known well enough.

The value of a step is the chance that a completion from its end comes right. A step is positive if
its value is above a stated level. After c correct of n scored draws, with a uniform prior, the
value has the Beta(c + 1, n - c + 1) distribution, and

    P(value > level) = P(Binomial(n + 1, level) <= c).

Draws end as soon as this is at least 1 - error (positive) or at most error (negative), or after K.
A label is then wrong with a posterior probability of at most `error`, whenever the draws ended: a
posterior does not depend on the rule for stopping. This is under the prior; it bounds how often
labels are wrong over steps whose values are spread as the prior says, not for each value. A step
whose value is still on both sides of the level after K draws has no label, and leaves the solution
unscored if it comes before the first negative step.

Unscored draws say nothing about the value. They are made again within the allowance, after the new
ones, and else count towards K alone.
"""

from collections.abc import Sequence
from math import comb

from prmkit.config import RolloutConfig
from prmkit.generators.drive import Task
from prmkit.records import McAnnotation, Outcome
from prmkit.rollouts.annotation import AnnotatedStep, assemble, from_draws, known_step
from prmkit.rollouts.draws import DrawSource
from prmkit.rollouts.slots import StepDraws


def annotate_adaptive(rollouts: DrawSource, config: RolloutConfig) -> Task[McAnnotation]:
    """Find the first error, each step's label to within a stated probability.

    Args:
        rollouts: Draws of the solution to annotate.
        config: K (the most draws a step), `level`, `error`, and whether a finished solution's last
            step is known.

    Returns:
        A task whose result estimates the steps up to the first that is not positive.
    """
    steps: list[AnnotatedStep] = []
    for step in range(len(rollouts.solution.steps)):
        known = known_step(rollouts.solution, step, config)
        steps.append(known or (yield from _estimate(rollouts, step, config)))
        if not steps[-1].estimate.hard:
            break
    found = assemble("adaptive", rollouts.solution, config, steps)
    if not found.unscored:
        return found
    last = steps[-1].estimate
    reason = (
        f"step {len(steps) - 1} undecided: {last.n_correct} of {last.n_scored} scored draws correct"
    )
    return McAnnotation.model_validate({**dict(found), "unscored": reason})


def chance_above(n_correct: int, n_scored: int, level: float) -> float:
    """Posterior probability that a step's value is above `level`, in [0, 1].

    Args:
        n_correct: Correct draws.
        n_scored: Correct and incorrect ones.
        level: In [0, 1].
    """
    n = n_scored + 1
    return sum(comb(n, i) * level**i * (1 - level) ** (n - i) for i in range(min(n_correct, n) + 1))


def decided(outcomes: Sequence[Outcome], level: float, error: float) -> bool | None:
    """The label that draws give to a step; None while its value is on both sides of the level."""
    n_correct = outcomes.count(Outcome.CORRECT)
    above = chance_above(n_correct, n_correct + outcomes.count(Outcome.INCORRECT), level)
    return True if above >= 1 - error else False if above <= error else None


def _estimate(rollouts: DrawSource, step: int, config: RolloutConfig) -> Task[AnnotatedStep]:
    made, hard = StepDraws(step, config), None
    while hard is None and made.places(1):
        outcomes = [draw.outcome for draw in made.draws]
        yield from made.make(rollouts, _n_needed(outcomes, config))
        hard = decided([draw.outcome for draw in made.draws], config.level, config.error)
    found = from_draws(made)
    return found._replace(estimate=found.estimate.model_copy(update={"hard": hard}))


def _n_needed(outcomes: Sequence[Outcome], config: RolloutConfig) -> int:
    """Draws without which the step cannot be decided either way, at least 1."""
    for n in range(1, config.k - len(outcomes) + 1):
        for outcome in (Outcome.CORRECT, Outcome.INCORRECT):
            if decided([*outcomes, *[outcome] * n], config.level, config.error) is not None:
                return n
    return max(1, config.k - len(outcomes))
