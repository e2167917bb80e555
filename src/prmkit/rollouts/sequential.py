"""Monte-Carlo annotation that stops as soon as the first error is decided.

A step's draws are made in order and end when its hard label cannot change any more; the solution's
end at its first step that is not positive. Draws have the seeds of the exhaustive annotator, so the
first error is the same and only draws that could not have changed it are saved. At threshold 0 a
positive step costs as many draws as its first correct one needs, a negative one K.

Requests: only so many draws are asked at once as no outcome of theirs can make superfluous (see
`Tally.n_needed`), so none is ever wasted. At threshold 0 that is one at a time; the driver fills
the batch with other solutions meanwhile. The shares of a stopped step are biased, so these
annotations give hard labels only.
"""

from prmkit.config import RolloutConfig
from prmkit.generators.drive import Task
from prmkit.records import McAnnotation
from prmkit.rollouts.annotation import AnnotatedStep, assemble, from_draws, known_step
from prmkit.rollouts.draws import DrawSource
from prmkit.rollouts.slots import StepDraws


def annotate_sequential(rollouts: DrawSource, config: RolloutConfig) -> Task[McAnnotation]:
    """Find the first error with as few draws as decide it.

    Args:
        rollouts: Draws of the solution to annotate.
        config: K, threshold, redraws, and whether a finished solution's last step is known.

    Returns:
        A task whose result has the first error of `annotate_exhaustive` and estimates of the
        steps up to it, or up to the first step that unscored draws leave undecided.
    """
    steps: list[AnnotatedStep] = []
    for step in range(len(rollouts.solution.steps)):
        known = known_step(rollouts.solution, step, config)
        steps.append(known or (yield from decided_step(rollouts, step, config)))
        if not steps[-1].estimate.hard:
            break
    return assemble("sequential", rollouts.solution, config, steps)


def decided_step(rollouts: DrawSource, step: int, config: RolloutConfig) -> Task[AnnotatedStep]:
    """Draw at one step until its label is decided."""
    draws = StepDraws(step, config)
    yield from draws.decide(rollouts)
    return from_draws(draws)
