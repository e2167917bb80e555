"""Claims about the verification of claims, on the scripted draws of `test_annotators`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rollouts_script import PROBLEM, annotate, scripts, solution, with_annotator

from prmkit.config import RolloutConfig
from prmkit.consensus import build_consensus
from prmkit.generators.base import Request
from prmkit.records import (
    Annotated,
    Dropped,
    JudgeAnnotation,
    LabelledSolution,
    McAnnotation,
    Outcome,
    Solution,
)
from prmkit.rollouts.verify import order_of_visits

C, W, U = Outcome.CORRECT, Outcome.INCORRECT, Outcome.UNSCORED
GOOD, BAD, POOR = ["right"] * 3, ["wrong"] * 3, ["wrong", "wrong", "right"]
K3 = RolloutConfig(annotator="verify", k=3)


def claim_at(place: int | None, unscored: str = "") -> JudgeAnnotation:
    return JudgeAnnotation(
        solution_id="p/m/0", first_error=place, unscored=unscored, judge="critic", votes=()
    )


def verify(
    words: list[list[str]],
    claim: Annotated | None,
    config: RolloutConfig = K3,
    outcome: Outcome = C,
) -> tuple[McAnnotation, list[Request]]:
    return annotate(words, config, outcome, claim)


def test_a_right_claim_costs_one_success_a_step_and_k_failures_at_the_error() -> None:
    found, asked = verify([GOOD, GOOD, BAD, GOOD], claim_at(2))
    assert (found.verification, found.first_error, found.unscored) == ("verified", 2, "")
    assert [step.outcomes for step in found.steps] == [(C,), (C,), (W, W, W)]
    assert len(asked) == 5


def test_a_right_claim_of_no_error_costs_one_success_a_step() -> None:
    found, asked = verify([GOOD, GOOD], claim_at(None))
    assert (found.verification, found.first_error, found.unscored) == ("verified", None, "")
    assert len(asked) == 2


def test_one_success_at_the_claimed_step_refutes_the_claim() -> None:
    found, asked = verify([BAD, GOOD], claim_at(1))
    assert (found.verification, found.first_error) == ("refuted", None)
    assert (found.unscored, len(asked)) == ("refuted: step 1 is positive", 1)
    assert [step.hard for step in found.steps] == [None, True]


def test_where_successes_fail_to_come_the_step_before_is_looked_at_first() -> None:
    # two draws at the claimed step 2, then three at step 1, which is negative
    found, asked = verify([GOOD, BAD, POOR], claim_at(2))
    assert (found.unscored, len(asked)) == ("refuted: step 1 is negative", 5)
    assert [len(step.outcomes) for step in found.steps] == [0, 3, 2]


def test_an_error_that_the_draws_happen_to_place_is_told() -> None:
    found, _ = verify([BAD, BAD], claim_at(1))
    assert (found.verification, found.first_error, found.unscored) == ("refuted", 0, "")


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (None, "no claim: missing"),
        (claim_at(None, "no_verdict"), "no claim: no_verdict"),
        (claim_at(7), "no claim: step 7 of 2 steps"),
    ],
)
def test_what_is_no_claim_is_not_verified_and_costs_nothing(
    claim: Annotated | None, reason: str
) -> None:
    found, asked = verify([GOOD, GOOD], claim)
    assert (found.verification, found.unscored, asked) == ("no_claim", reason, [])


def test_a_finished_last_step_refutes_a_claim_for_nothing() -> None:
    config = K3.model_copy(update={"finished_is_known": True})
    found, asked = verify([GOOD, BAD], claim_at(None), config, W)
    assert (found.verification, found.unscored, asked) == (
        "refuted",
        "refuted: step 1 is negative",
        [],
    )


def test_unscored_draws_stop_a_claim_from_being_proven_and_are_no_failures() -> None:
    config = RolloutConfig(annotator="verify", k=2, redraws=0)
    found, asked = verify([["right", "right"], ["cut", "wrong"]], claim_at(1), config)
    assert (found.verification, found.unscored) == ("undecided", "step 1 undecided: 1 unfinished")
    assert len(asked) == 1  # the other draw could not prove it any more
    found, _ = verify([["wrong", "slow"], ["wrong", "wrong"]], claim_at(1), config)
    assert (found.verification, found.unscored) == ("undecided", "step 0 undecided: 1 timeout")


@pytest.mark.parametrize("place", [None, 0, 1, 3])
def test_every_step_that_a_claim_is_about_is_visited_until_decided(place: int | None) -> None:
    visits = [visit.check for visit in order_of_visits(4, place) if visit.n_draws is None]
    expected = {(s, True) for s in range(4 if place is None else place)}
    expected |= set() if place is None else {(place, False)}
    assert set(visits) == expected
    assert len(visits) == len(expected)


CLAIMS = st.one_of(st.none(), st.integers(0, 6), st.just("unreadable"))


@settings(max_examples=300)
@given(scripts(), CLAIMS, st.sampled_from([C, W, U]))
def test_what_is_kept_and_its_labels_are_those_of_exhaustive_annotation_and_the_filter(
    scripted: tuple[list[list[str]], RolloutConfig], place: int | str | None, outcome: Outcome
) -> None:
    words, config = scripted
    judged = claim_at(None, place) if isinstance(place, str) else claim_at(place)
    row = solution(len(words), outcome)
    full, all_asked = annotate(words, with_annotator(config, "exhaustive"), outcome)
    verified, asked = verify(words, judged, with_annotator(config, "verify"), outcome)
    expected = consensus(full, judged, row)
    found = consensus(verified, judged, row)
    if isinstance(expected, LabelledSolution):
        assert found == expected
        assert verified.verification == "verified"
    else:
        assert isinstance(found, Dropped)
        assert found.evidence
    assert len(asked) <= len(all_asked)
    assert len(asked) == len({request.seed for request in asked})
    if verified.first_error is not None:
        assert verified.first_error == full.first_error


@given(scripts(), CLAIMS)
def test_a_claim_is_kept_exactly_at_its_place_and_else_dropped_with_a_reason(
    scripted: tuple[list[list[str]], RolloutConfig], place: int | str | None
) -> None:
    words, config = scripted
    judged = claim_at(None, place) if isinstance(place, str) else claim_at(place)
    verified, _ = verify(words, judged, with_annotator(config, "verify"))
    result = consensus(verified, judged, solution(len(words)))
    by_verification = {
        "verified": {"kept"},
        "refuted": {"refuted", "disagree"},
        "undecided": {"mc_unscored"},
        "no_claim": {"judge_unscored"},
    }
    reason = result.reason if isinstance(result, Dropped) else "kept"
    assert reason in by_verification[verified.verification]


def consensus(
    mc: McAnnotation, judged: JudgeAnnotation, row: Solution
) -> LabelledSolution | Dropped:
    return build_consensus(mc, judged, row, PROBLEM)
