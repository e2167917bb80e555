"""The annotators of one solution by name, behind one call; `tree` takes a problem's together."""

from prmkit.config import RolloutConfig
from prmkit.generators.drive import Task
from prmkit.records import Annotated, McAnnotation
from prmkit.rollouts.adaptive import annotate_adaptive
from prmkit.rollouts.bisection import annotate_bisection
from prmkit.rollouts.draws import DrawSource
from prmkit.rollouts.exhaustive import annotate_exhaustive
from prmkit.rollouts.sequential import annotate_sequential
from prmkit.rollouts.verify import verify_claim

_ANNOTATORS = {
    "exhaustive": annotate_exhaustive,
    "sequential": annotate_sequential,
    "bisection": annotate_bisection,
    "adaptive": annotate_adaptive,
}


def annotate(
    rollouts: DrawSource, config: RolloutConfig, claim: Annotated | None = None
) -> Task[McAnnotation]:
    """Annotate a solution as `config.annotator` says.

    Args:
        rollouts: Draws of the solution.
        config: Which annotator, K, threshold, and so on.
        claim: The judge's view of it, which `verify` alone looks at.
    """
    if config.annotator == "verify":
        return verify_claim(rollouts, config, claim)
    return _ANNOTATORS[config.annotator](rollouts, config)
