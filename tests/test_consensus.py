from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.consensus import Candidate, build_consensus, filter_consensus
from prmkit.errors import DataError
from prmkit.records import (
    Dropped,
    JudgeAnnotation,
    LabelledSolution,
    McAnnotation,
    Outcome,
    Problem,
    Solution,
    StepEstimate,
    Verdict,
)

PROBLEM = Problem(problem_id="p", question="2 + 2?", answer="4")
C, W, U = Outcome.CORRECT, Outcome.INCORRECT, Outcome.UNSCORED
UNSCORED = "unscored"
Place = int | str | None


def candidate(mc: Place, judge: Place, index: int = 0) -> Candidate:
    solution_id = f"p/m/{index}"
    solution = Solution(
        solution_id=solution_id,
        problem_id="p",
        policy="m",
        sample_index=index,
        steps=("one", "two", "three"),
        outcome=C,
    )
    estimates = tuple(
        StepEstimate(outcomes=(W, W) if step == mc else (C, U), hard=step != mc)
        for step in range(3)
    )
    mc_annotation = McAnnotation(
        solution_id=solution_id,
        first_error=None if isinstance(mc, str) else mc,
        unscored=mc if isinstance(mc, str) else "",
        annotator="exhaustive",
        k=2,
        threshold=0,
        steps=estimates,
    )
    judge_place = None if isinstance(judge, str) else judge
    judge_unscored = judge if isinstance(judge, str) else ""
    vote = Verdict(first_error=judge_place, unscored=judge_unscored, text=f"I say {judge}")
    judge_annotation = JudgeAnnotation(
        solution_id=solution_id,
        first_error=judge_place,
        unscored=judge_unscored,
        judge="critic",
        votes=(vote,),
    )
    return Candidate(solution, PROBLEM, mc_annotation, judge_annotation)


def consensus(row: Candidate) -> LabelledSolution | Dropped:
    return build_consensus(row.mc, row.judge, row.solution, row.problem)


def test_agreement_on_the_first_error_keeps_the_steps_up_to_it() -> None:
    kept = consensus(candidate(1, 1))
    assert isinstance(kept, LabelledSolution)
    assert (kept.steps, kept.labels, kept.source) == (("one", "two"), (1.0, 0.0), "consensus")


def test_agreement_that_nothing_is_wrong_keeps_all_steps() -> None:
    kept = consensus(candidate(None, None))
    assert isinstance(kept, LabelledSolution)
    assert kept.labels == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("mc", "judge", "reason"),
    [
        (1, 2, "disagree"),
        (None, 2, "disagree"),
        (1, None, "disagree"),
        (UNSCORED, 1, "mc_unscored"),
        (UNSCORED, None, "mc_unscored"),  # unscored is not "no error"
        (None, UNSCORED, "judge_unscored"),
        (UNSCORED, UNSCORED, "both_unscored"),
    ],
)
def test_all_else_is_dropped_with_its_reason_and_both_views(
    mc: Place, judge: Place, reason: str
) -> None:
    dropped = consensus(candidate(mc, judge))
    assert isinstance(dropped, Dropped)
    assert dropped.reason == reason
    assert dropped.mc_first_error == (mc if isinstance(mc, int) else None)
    assert dropped.judge_first_error == (judge if isinstance(judge, int) else None)


def test_the_evidence_holds_the_draws_in_question_and_the_judges_words() -> None:
    dropped = consensus(candidate(0, 1))
    assert isinstance(dropped, Dropped)
    assert dropped.evidence == (
        "mc, step 0: 0 of 2 correct, 0 unscored\n"
        "mc, step 1: 1 of 2 correct, 1 unscored\n"
        "judge: I say 1"
    )


def test_annotations_of_another_solution_are_refused() -> None:
    row, other = candidate(1, 1), candidate(1, 1, index=1)
    with pytest.raises(DataError, match="annotations are of p/m/1 and p/m/0"):
        build_consensus(other.mc, row.judge, row.solution, row.problem)


def test_a_solution_that_comes_twice_is_refused() -> None:
    with pytest.raises(DataError, match="p/m/0: the solution comes twice"):
        filter_consensus([candidate(1, 1), candidate(1, 1)])


PLACES = st.sampled_from([None, 0, 1, 2, UNSCORED])


@given(st.lists(st.tuples(PLACES, PLACES), max_size=12))
def test_every_candidate_is_kept_or_dropped_and_counted_once(
    places: list[tuple[Place, Place]],
) -> None:
    rows = [candidate(mc, judge, index) for index, (mc, judge) in enumerate(places)]
    result = filter_consensus(rows)
    assert result.n_in == len(places) == len(result.kept) + sum(result.n_dropped.values())
    assert result.n_dropped == {
        reason: Counter(row.reason for row in result.dropped)[reason] for reason in result.n_dropped
    }
    n_agreed = sum(mc == judge and mc != UNSCORED for mc, judge in places)
    assert len(result.kept) == n_agreed
    ids = {row.solution_id for row in result.kept} | {row.solution_id for row in result.dropped}
    assert ids == {row.solution.solution_id for row in rows}


def test_the_evidence_says_where_nothing_was_drawn() -> None:
    claimed = candidate(mc=0, judge=1)
    # a verification of the judge's claim that never came to its place
    steps = (StepEstimate(outcomes=(W, W), hard=False), StepEstimate(outcomes=(), hard=None))
    mc = claimed.mc.model_copy(update={"steps": steps})
    (dropped,) = filter_consensus([claimed._replace(mc=mc)]).dropped
    assert "mc, step 0: 0 of 2 correct, 0 unscored" in dropped.evidence
    assert "mc, step 1: no draws" in dropped.evidence.split("\n")
