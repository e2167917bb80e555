"""The consensus filter: a solution is kept if Monte Carlo and the judge agree where it first errs.

The rule of arXiv 2501.07301, section 3.1: the place of the first error decides about the whole
solution, "no error" being a place. Both sides stop at their first error, so equal places are equal
labels. A solution that either side leaves unscored is dropped as well: no agreement was found.
Where Monte Carlo only verifies the judge's claim, what it proves is kept.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from prmkit.errors import DataError
from prmkit.records import (
    Dropped,
    JudgeAnnotation,
    LabelledSolution,
    McAnnotation,
    Problem,
    Solution,
)
from prmkit.steps import check_same_problem, label_steps

Reason = Literal["disagree", "refuted", "mc_unscored", "judge_unscored", "both_unscored"]

_MOST_TEXT = 1000  # characters of a judge's text kept as evidence; its verdict is at the end


class Candidate(NamedTuple):
    """A solution with both of its annotations."""

    solution: Solution
    problem: Problem
    mc: McAnnotation
    judge: JudgeAnnotation


class Filtered(NamedTuple):
    """What the filter kept and dropped; every candidate is in exactly one of the two."""

    kept: list[LabelledSolution]
    """Solutions with the agreed labels, in input order."""
    dropped: list[Dropped]
    """The others, in input order, with both views."""
    n_dropped: Mapping[Reason, int]
    """Dropped solutions by reason; every reason is present."""
    n_in: int
    """Candidates."""


def build_consensus(
    mc: McAnnotation, judge: JudgeAnnotation, solution: Solution, problem: Problem
) -> LabelledSolution | Dropped:
    """Keep one solution, hard-labelled up to the agreed first error, or drop it with the evidence.

    Raises:
        DataError: the four do not belong together.
    """
    check_same_problem(solution, problem)
    if {mc.solution_id, judge.solution_id} != {solution.solution_id}:
        raise DataError(
            f"{solution.solution_id}: annotations are of {mc.solution_id} and {judge.solution_id}"
        )
    reason = _reason(mc, judge)
    if reason is None:
        return label_steps(solution, problem, mc.first_error, "consensus")
    return Dropped(
        solution_id=solution.solution_id,
        reason=reason,
        mc_first_error=mc.first_error,
        judge_first_error=judge.first_error,
        evidence=_evidence(mc, judge),
    )


def filter_consensus(candidates: Iterable[Candidate]) -> Filtered:
    """Filter all candidates.

    Raises:
        DataError: a candidate's parts do not belong together, or a solution comes twice.
    """
    kept: list[LabelledSolution] = []
    dropped: list[Dropped] = []
    seen: set[str] = set()
    for candidate in candidates:
        solution_id = candidate.solution.solution_id
        if solution_id in seen:
            raise DataError(f"{solution_id}: the solution comes twice")
        seen.add(solution_id)
        result = build_consensus(
            candidate.mc, candidate.judge, candidate.solution, candidate.problem
        )
        if isinstance(result, Dropped):
            dropped.append(result)
        else:
            kept.append(result)
    return _counted(kept, dropped, len(seen))


def _counted(kept: list[LabelledSolution], dropped: list[Dropped], n_in: int) -> Filtered:
    n_dropped: dict[Reason, int] = {
        "disagree": 0,
        "refuted": 0,
        "mc_unscored": 0,
        "judge_unscored": 0,
        "both_unscored": 0,
    }
    for row in dropped:
        n_dropped[row.reason] += 1
    if n_in != len(kept) + sum(n_dropped.values()):
        raise AssertionError(f"{n_in} candidates, {len(kept)} kept, {n_dropped} dropped")
    return Filtered(kept, dropped, n_dropped, n_in)


def _reason(mc: McAnnotation, judge: JudgeAnnotation) -> Reason | None:
    if mc.verification == "no_claim":
        return "judge_unscored"
    if mc.unscored and judge.unscored:
        return "both_unscored"
    if mc.unscored:
        return "refuted" if mc.verification == "refuted" else "mc_unscored"
    if judge.unscored:
        return "judge_unscored"
    return None if mc.first_error == judge.first_error else "disagree"


def _evidence(mc: McAnnotation, judge: JudgeAnnotation) -> str:
    """Draws at the places that either side names, then the text of a vote for the judge's.

    Of a verification all draws: what refutes a claim need not lie at a place that anybody names.
    """
    named = {p for p in (mc.first_error, judge.first_error) if p is not None}
    drawn = {s for s, step in enumerate(mc.steps) if step.outcomes or step.known}
    places = sorted(named | drawn if mc.verification else named)
    lines = [f"mc: {mc.unscored}"] if mc.unscored else []
    lines += [f"mc, step {step}: {_draws(mc, step)}" for step in places]
    return "\n".join([*lines, f"judge: {judge.unscored or _text(judge)}"])


def _draws(mc: McAnnotation, step: int) -> str:
    if step >= len(mc.steps):
        return "no draws, after the first error" if not mc.verification else "no draws"
    estimate = mc.steps[step]
    if estimate.known:
        return f"known to be {'correct' if estimate.hard else 'incorrect'}"
    if not estimate.outcomes:
        return "no draws"
    n_unscored = len(estimate.outcomes) - estimate.n_scored
    return f"{estimate.n_correct} of {len(estimate.outcomes)} correct, {n_unscored} unscored"


def _text(judge: JudgeAnnotation) -> str:
    votes = [v for v in judge.votes if not v.unscored and v.first_error == judge.first_error]
    return votes[0].text[-_MOST_TEXT:] if votes else "no text"
