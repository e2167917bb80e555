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
from prmkit.generators.base import Sampling
from prmkit.generators.drive import Task
from prmkit.records import JudgeAnswer, McAnnotation, Problem, Solution
from prmkit.rollouts.annotation import AnnotatedStep, assemble, from_draws, known_step
from prmkit.rollouts.draws import Draw, DrawAt, Rollouts
from prmkit.rollouts.estimate import Decision, Tally


def annotate_sequential(
    solution: Solution,
    problem: Problem,
    config: RolloutConfig,
    run_seed: int,
    sampling: Sampling,
    judge_answer: JudgeAnswer,
) -> Task[McAnnotation]:
    """Find the first error with as few draws as decide it.

    Args:
        solution: What to annotate.
        problem: What it solves.
        config: K, threshold, and whether a finished solution's last step is known.
        run_seed: The recipe's seed; each draw's own seed derives from it.
        sampling: How completions are drawn.
        judge_answer: Checks the final answer of prefix and completion.

    Returns:
        A task whose result has the first error of `annotate_exhaustive` and estimates of the
        steps up to it, or up to the first step that unscored draws leave undecided.

    Raises:
        DataError: the solution has no steps or solves another problem (when the task starts).
    """
    rollouts = Rollouts(solution, problem, run_seed, sampling, judge_answer)
    steps: list[AnnotatedStep] = []
    for step in range(len(solution.steps)):
        known = known_step(solution, step, config)
        steps.append(known or (yield from _estimate(rollouts, step, config)))
        if not steps[-1].estimate.hard:
            break
    return assemble("sequential", solution, config, steps)


def _estimate(rollouts: Rollouts, step: int, config: RolloutConfig) -> Task[AnnotatedStep]:
    draws: list[Draw] = []
    while True:
        tally = Tally.of([draw.outcome for draw in draws], config.k)
        if tally.decide(config.threshold) is not Decision.OPEN:
            return from_draws(draws, config)
        n_next = tally.n_needed(config.threshold)
        places = [DrawAt(step, len(draws) + i) for i in range(n_next)]
        draws += yield from rollouts.draw(places)
