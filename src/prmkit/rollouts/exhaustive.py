"""Monte-Carlo annotation with all K draws of every step.

The method of Math-Shepherd (arXiv 2312.08935) and of arXiv 2501.07301, section 2.1. It costs S x K
draws and is the one whose shares are unbiased soft labels.
"""

from prmkit.config import RolloutConfig
from prmkit.generators.base import Sampling
from prmkit.generators.drive import Task
from prmkit.records import JudgeAnswer, McAnnotation, Problem, Solution
from prmkit.rollouts.annotation import assemble, from_draws, known_step
from prmkit.rollouts.draws import DrawAt, Rollouts


def annotate_exhaustive(
    solution: Solution,
    problem: Problem,
    config: RolloutConfig,
    run_seed: int,
    sampling: Sampling,
    judge_answer: JudgeAnswer,
) -> Task[McAnnotation]:
    """Draw K rollouts from the end of every step, all requested at once, in step order.

    Args:
        solution: What to annotate.
        problem: What it solves.
        config: K, threshold, and whether a finished solution's last step is known.
        run_seed: The recipe's seed; each draw's own seed derives from it.
        sampling: How completions are drawn.
        judge_answer: Checks the final answer of prefix and completion.

    Returns:
        A task whose result estimates every step, also those after the first error.

    Raises:
        DataError: the solution has no steps or solves another problem (when the task starts).
    """
    rollouts = Rollouts(solution, problem, run_seed, sampling, judge_answer)
    known = [known_step(solution, step, config) for step in range(len(solution.steps))]
    places = [
        DrawAt(step, draw)
        for step, estimate in enumerate(known)
        if estimate is None
        for draw in range(config.k)
    ]
    made = dict(zip(places, (yield from rollouts.draw(places)), strict=True))
    steps = [
        estimate or from_draws([made[DrawAt(step, d)] for d in range(config.k)], config)
        for step, estimate in enumerate(known)
    ]
    return assemble("exhaustive", solution, config, steps)
