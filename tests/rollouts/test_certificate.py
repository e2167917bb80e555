from hypothesis import given
from hypothesis import strategies as st
from rollouts_script import C, W, annotate, scripts, with_annotator

from prmkit.config import RolloutConfig
from prmkit.records import JudgeAnnotation, McAnnotation, Outcome
from prmkit.rollouts.certificate import fewest_draws


def judged(place: int | None, unscored: str = "") -> JudgeAnnotation:
    return JudgeAnnotation(
        solution_id="p/m/0", first_error=place, unscored=unscored, judge="critic", votes=()
    )


def annotated(words: list[list[str]], outcome: Outcome = C, **settings: object) -> McAnnotation:
    config = RolloutConfig.model_validate({"k": 3, "redraws": 0, **settings})
    return annotate(words, config, outcome)[0]


GOOD, BAD = ["right"] * 3, ["wrong"] * 3


def test_a_kept_error_takes_a_success_a_step_before_it_and_k_failures_at_it() -> None:
    found = annotated([GOOD, GOOD, BAD, GOOD])
    assert fewest_draws(found, judged(2), 4) == 1 + 1 + 3
    # with more than 1 of 3: two successes a step, two failures
    assert fewest_draws(annotated([GOOD, GOOD, BAD], threshold=1), judged(2), 3) == 2 + 2 + 2


def test_a_refuted_claim_takes_what_its_cheapest_failing_step_takes() -> None:
    assert fewest_draws(annotated([GOOD, GOOD, GOOD]), judged(1), 3) == 1  # it is positive
    assert fewest_draws(annotated([BAD, BAD, GOOD]), judged(1), 3) == 3  # step 0 is negative
    assert fewest_draws(annotated([BAD, GOOD, GOOD]), judged(1), 3) == 1  # both; the cheaper
    assert fewest_draws(annotated([GOOD, BAD]), judged(None), 2) == 3


def test_a_known_step_and_a_claim_that_says_nothing_take_no_draw() -> None:
    known = annotated([GOOD, BAD], W, finished_is_known=True)
    assert fewest_draws(known, judged(None), 2) == 0
    assert fewest_draws(known, judged(1), 2) == 1
    assert fewest_draws(annotated([GOOD]), judged(None, "no_verdict"), 1) == 0
    assert fewest_draws(annotated([GOOD]), judged(4), 1) == 0


@given(scripts(), st.one_of(st.none(), st.integers(0, 4)), st.sampled_from([C, W]))
def test_no_annotator_needs_fewer_and_looking_at_more_never_lowers_the_bound(
    scripted: tuple[list[list[str]], RolloutConfig], place: int | None, outcome: Outcome
) -> None:
    words, given_config = scripted
    config = given_config.model_copy(update={"redraws": 0})
    claim = judged(place)
    full, _ = annotate(words, with_annotator(config, "exhaustive"), outcome)
    verified, asked = annotate(words, with_annotator(config, "verify"), outcome, claim)
    least = fewest_draws(full, claim, len(words))
    assert fewest_draws(verified, claim, len(words)) <= least <= len(asked)
