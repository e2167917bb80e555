"""Monte-Carlo annotation with all K draws of every step.

The method of Math-Shepherd (arXiv 2312.08935) and of arXiv 2501.07301, section 2.1. It costs S x K
draws and is the one whose shares are unbiased soft labels.
"""

from prmkit.config import RolloutConfig
from prmkit.generators.drive import Task
from prmkit.records import McAnnotation
from prmkit.rollouts.annotation import assemble, from_draws, known_step
from prmkit.rollouts.draws import DrawSource
from prmkit.rollouts.slots import StepDraws


def annotate_exhaustive(rollouts: DrawSource, config: RolloutConfig) -> Task[McAnnotation]:
    """Draw K rollouts from the end of every step, all requested at once, in step order.

    Args:
        rollouts: Draws of the solution to annotate.
        config: K, threshold, redraws, and whether a finished solution's last step is known.

    Returns:
        A task whose result estimates every step, also those after the first error. Unscored draws
        are made again only at steps whose label they decide.
    """
    solution = rollouts.solution
    known = [known_step(solution, step, config) for step in range(len(solution.steps))]
    drawn = [StepDraws(step, config) for step in range(len(known)) if known[step] is None]
    places = [at for step in drawn for at in step.places(config.k)]
    made = dict(zip(places, (yield from rollouts.draw(places)), strict=True))
    for step in drawn:
        own = step.places(config.k)
        step.add(own, [made[at] for at in own])
    for step in drawn:
        yield from step.decide(rollouts)
    by_step = {step.step: from_draws(step) for step in drawn}
    steps = [estimate or by_step[step] for step, estimate in enumerate(known)]
    return assemble("exhaustive", solution, config, steps)
