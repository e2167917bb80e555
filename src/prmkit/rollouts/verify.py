"""Monte-Carlo verification of a first error that somebody claims, such as a judge.

The consensus filter keeps a solution only if Monte Carlo finds the judge's first error. So with the
claim at hand there is no first error to find, only the claim to prove or to refute. For a claim at
step j, step j has to be negative and every earlier one positive; for a claim of no error every step
has to be positive. The first of these that fails refutes the claim and ends it; so does one that
unscored draws leave undecided, as exhaustive annotation would then be unscored. Draws have the
seeds of the exhaustive annotator, so for equal seeds the claims that are verified are those that
`annotate_exhaustive` and the consensus filter keep, and no others.

The order is that which refutes soonest. A wrong claim is most often refuted at the claimed step
itself, by its first successes; where those do not come, the error is likely to lie before it, and
then, as few solutions recover, the step before it is negative too, and tells in one place what all
the earlier ones could. So: a few draws at the claimed step, then the step before it, then the rest
of the claimed step's, then the earlier ones from the last to the first.

What is not looked at stays without a label, so where a claim is refuted the annotation is most
often unscored, with the refutation for its reason. These annotations give labels of verified
claims, and nothing else: not of all solutions, and no shares.
"""

from typing import NamedTuple

from prmkit.config import RolloutConfig
from prmkit.generators.drive import Task
from prmkit.records import Annotated, McAnnotation, StepEstimate, Verification
from prmkit.rollouts.annotation import (
    AnnotatedStep,
    assemble,
    from_draws,
    known_step,
    undecided_reason,
)
from prmkit.rollouts.draws import DrawSource
from prmkit.rollouts.estimate import Decision, Tally
from prmkit.rollouts.slots import StepDraws

_FIRST_DRAWS = 2  # at the claimed step, before the step before it is looked at
_UNSEEN = AnnotatedStep(StepEstimate(outcomes=(), hard=None), ())


class Check(NamedTuple):
    """One thing that a claim says about a step."""

    step: int
    """Which step."""
    positive: bool
    """Whether it has to be positive; else negative."""

    def bounded(self, tally: Tally) -> Tally:
        """The step's tally with its unscored draws counted against the claim.

        They are neither right nor wrong, and so prove nothing; but as soon as they could be what
        refutes the claim, no other draw can prove it any more, and none needs to be made.
        """
        against = 0 if self.positive else tally.n_unscored
        return Tally(tally.n_correct + against, 0, tally.n_left)


class Visit(NamedTuple):
    """One turn at a step."""

    check: Check
    """What is to be decided there."""
    n_draws: int | None
    """Leave it open after this many draws; None = stay until it is decided."""


def verify_claim(
    rollouts: DrawSource, config: RolloutConfig, claim: Annotated | None
) -> Task[McAnnotation]:
    """Prove or refute a claimed first error with as few draws as do so.

    Args:
        rollouts: Draws of the solution that the claim is about.
        config: K, threshold, redraws, and whether a finished solution's last step is known.
        claim: Where somebody places the first error; None, an unscored one and one at a step that
            the solution does not have are no claims, and are not verified.

    Returns:
        A task whose result says whether the claim is verified. Its first error is the claim's if
        so; another one if the draws happen to show where it is; else it is unscored.
    """
    missing = _no_claim(claim, len(rollouts.solution.steps))
    if claim is None or missing:
        nothing = assemble("verify", rollouts.solution, config, [])
        return _concluded(nothing, "no_claim", f"no claim: {missing}")
    work = _Verification(rollouts, config, claim.first_error)
    failed = yield from work.run()
    steps = work.steps()
    found = assemble("verify", rollouts.solution, config, steps)
    if failed is None:
        return _concluded(found, "verified", "")
    if steps[failed.step].estimate.hard is None:
        return _concluded(found, "undecided", undecided_reason(failed.step, steps))
    word = "negative" if failed.positive else "positive"
    return _concluded(found, "refuted", f"refuted: step {failed.step} is {word}")


def order_of_visits(n_steps: int, place: int | None) -> list[Visit]:
    """In which order a claim is checked (see the head of this module).

    Args:
        n_steps: Steps of the solution.
        place: The claimed first error; None = no step is wrong.
    """
    if place is None:
        return [Visit(Check(step, positive=True), None) for step in reversed(range(n_steps))]
    claimed = Check(place, positive=False)
    before = [Visit(Check(step, positive=True), None) for step in reversed(range(place))]
    return [Visit(claimed, _FIRST_DRAWS), *before[:1], Visit(claimed, None), *before[1:]]


class _Verification:
    """The verification of one claim in progress."""

    def __init__(self, rollouts: DrawSource, config: RolloutConfig, place: int | None) -> None:
        solution = rollouts.solution
        self._rollouts = rollouts
        self._config = config
        self._visits = order_of_visits(len(solution.steps), place)
        concerned = sorted({visit.check.step for visit in self._visits})
        self._drawn = [StepDraws(step, config) for step in concerned]
        self._known = [known_step(solution, step, config) for step in concerned]

    def run(self) -> Task[Check | None]:
        """Go through the visits; the check that failed, or None if all hold."""
        for visit in self._visits:
            if not (yield from self._visit(visit)):
                return visit.check
        return None

    def steps(self) -> list[AnnotatedStep]:
        """The steps that the claim is about; those not looked at are empty."""
        return [
            known or (from_draws(drawn) if drawn.draws else _UNSEEN)
            for known, drawn in zip(self._known, self._drawn, strict=True)
        ]

    def _visit(self, visit: Visit) -> Task[bool]:
        """Draw as a visit says; False if its check failed, True if it holds or is left open."""
        check, n_most = visit
        known, drawn = self._known[check.step], self._drawn[check.step]
        if known is not None:
            return known.estimate.hard is check.positive
        while True:
            tally = check.bounded(drawn.tally)
            decision = tally.decide(self._config.threshold)
            if decision is not Decision.OPEN:
                return (decision is Decision.POSITIVE) is check.positive
            n_next = tally.n_needed(self._config.threshold)
            if n_most is not None:
                n_next = min(n_next, n_most - len(drawn.draws))
                if n_next <= 0:
                    return True
            yield from drawn.make(self._rollouts, n_next)


def _no_claim(claim: Annotated | None, n_steps: int) -> str:
    """Why there is nothing to verify; empty if there is."""
    if claim is None:
        return "missing"
    if claim.unscored:
        return claim.unscored
    if claim.first_error is not None and claim.first_error >= n_steps:
        return f"step {claim.first_error} of {n_steps} steps"
    return ""


def _concluded(found: McAnnotation, verification: Verification, reason: str) -> McAnnotation:
    """The annotation with what became of the claim.

    Unless the claim is verified, "no error" among the steps looked at is no label: others may not
    have been looked at.
    """
    unscored = reason if found.first_error is None else ""
    changes = {"verification": verification, "unscored": unscored}
    return McAnnotation.model_validate({**dict(found), **changes})
