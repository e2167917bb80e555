"""The first error by binary search, as in OmegaPRM (arXiv 2406.06592, section 3.2).

It assumes that a step after a hopeless one is hopeless: the last step is looked at first, and if it
is negative, the step in the middle of those that can still be the first negative one, and so on.
Of S steps at most 1 + ceil(log2 S) are looked at, each until its label is decided, with the draws
and the rule of `exhaustive`.

Where its labels differ from those of `exhaustive`: it finds a negative step whose predecessor is
positive (or is the first step), or no error if the last step is positive. Every such place is an
error of `exhaustive`'s too, but the first one only if no step before it is negative. So the two
differ exactly if a negative step stands before a positive one that was looked at; the place is then
later than that of `exhaustive`, or none, and never earlier. A step that unscored draws leave
undecided ends the search and leaves the solution unscored, wherever it stands.
"""

from prmkit.config import RolloutConfig
from prmkit.generators.drive import Task
from prmkit.records import McAnnotation, StepEstimate
from prmkit.rollouts.annotation import AnnotatedStep, assemble, known_step, undecided_reason
from prmkit.rollouts.draws import DrawSource
from prmkit.rollouts.sequential import decided_step

_UNSEEN = AnnotatedStep(StepEstimate(outcomes=(), hard=None), ())


def annotate_bisection(rollouts: DrawSource, config: RolloutConfig) -> Task[McAnnotation]:
    """Search the first error among the steps.

    Args:
        rollouts: Draws of the solution to annotate.
        config: K, threshold, redraws, and whether a finished solution's last step is known.

    Returns:
        A task whose result has estimates of the steps looked at, the others empty.
    """
    solution = rollouts.solution
    n_steps = len(solution.steps)
    seen: dict[int, AnnotatedStep] = {}
    low, high = 0, n_steps  # the first error is in [low, high]; n_steps is none
    probe = n_steps - 1
    undecided: int | None = None
    while low < high:
        known = known_step(solution, probe, config)
        seen[probe] = known or (yield from decided_step(rollouts, probe, config))
        hard = seen[probe].estimate.hard
        if hard is None:
            undecided = probe
            break
        low, high = (probe + 1, high) if hard else (low, probe)
        probe = (low + high) // 2
    steps = [seen.get(step, _UNSEEN) for step in range(n_steps)]
    found = assemble("bisection", solution, config, steps)
    changes = {
        "first_error": None if undecided is not None or low == n_steps else low,
        "unscored": "" if undecided is None else undecided_reason(undecided, steps),
    }
    return McAnnotation.model_validate({**dict(found), **changes})
