"""Monte-Carlo annotation: how often does a completion from the end of a step still come right."""

from prmkit.rollouts.estimate import labels_from_mc, relabel
from prmkit.rollouts.exhaustive import annotate_exhaustive
from prmkit.rollouts.sequential import annotate_sequential
from prmkit.rollouts.verify import verify_claim

__all__ = [
    "annotate_exhaustive",
    "annotate_sequential",
    "labels_from_mc",
    "relabel",
    "verify_claim",
]
