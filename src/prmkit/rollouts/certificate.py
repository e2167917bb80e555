"""The fewest draws that prove what a claim's Monte-Carlo check came to.

A positive step is proven by threshold + 1 successes, a negative one by K - threshold failures, and
no draw is needed at a step that is known. So a claim that holds cannot be proven with fewer draws
than these for each of its steps, nor can one that fails be refuted with fewer than its cheapest
failing step takes, whatever the method and however lucky its order. It is the bound that an oracle
of all outcomes reaches, who knows which draws to make, and only has to make them.
"""

from prmkit.records import Annotated, McAnnotation, StepEstimate


def fewest_draws(mc: McAnnotation, claim: Annotated, n_steps: int) -> int:
    """Draws without which nobody can keep or drop this solution from these outcomes.

    Args:
        mc: Its draws, by any annotator.
        claim: Where the other side places its first error.
        n_steps: Its steps.

    Returns:
        The number; 0 where the claim is unscored. Where the annotator did not look at a step that
        could have refuted the claim, it is taken to do so: the number is then a lower bound.
    """
    place = claim.first_error
    if claim.unscored or (place is not None and place >= n_steps):
        return 0
    steps = [*mc.steps, *[None] * n_steps][: n_steps if place is None else place + 1]
    holds, fails = list[int](), list[int]()
    for index, step in enumerate(steps):
        positive = index != place
        is_proven = step is not None and step.hard is positive
        (holds if is_proven else fails).append(_cost(step, mc, positive=positive is is_proven))
    return min(fails) if fails else sum(holds)


def _cost(step: StepEstimate | None, mc: McAnnotation, *, positive: bool) -> int:
    """Draws that prove a step positive or negative."""
    if step is not None and step.known:
        return 0
    return mc.threshold + 1 if positive else mc.k - mc.threshold
