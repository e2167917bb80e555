"""Claims about bisection, adaptive budgets and stored draws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollouts_script import C, W, annotate, scripts, solution, with_annotator

from prmkit.config import RolloutConfig
from prmkit.errors import DataError
from prmkit.records import Annotated, McAnnotation, Outcome
from prmkit.rollouts.adaptive import chance_above, decided
from prmkit.rollouts.annotators import annotate as start
from prmkit.rollouts.replay import Replayed, settled

SCORED = st.sampled_from([C, W])


@given(scripts(), SCORED)
def test_bisection_is_never_earlier_and_equal_where_no_solution_recovers(
    scripted: tuple[list[list[str]], RolloutConfig], outcome: Outcome
) -> None:
    words, config = scripted
    full, _ = annotate(words, with_annotator(config, "exhaustive"), outcome)
    found, asked = annotate(words, with_annotator(config, "bisection"), outcome)
    hards = [step.hard for step in full.steps]
    # the last step, then a binary search for the first of S places: 1 + ceil(log2 S)
    assert len({request.prefix for request in asked}) <= 1 + (len(words) - 1).bit_length()
    if None in hards:
        return
    assert not found.unscored
    first = len(hards) if full.first_error is None else full.first_error
    place = len(hards) if found.first_error is None else found.first_error
    assert place >= first
    assert place == len(hards) or hards[place] is False
    assert place == 0 or hards[place - 1] is True
    if not any(hards[first:]):  # once hopeless, always hopeless
        assert place == first


def test_the_chance_that_a_value_is_above_a_level_is_the_beta_tail() -> None:
    # uniform prior: Beta(1, 1); after one success Beta(2, 1), whose tail is 1 - x^2
    assert chance_above(0, 0, 0.1) == pytest.approx(0.9)
    assert chance_above(1, 1, 0.1) == pytest.approx(1 - 0.1**2)
    # after n failures Beta(1, n + 1), whose tail is (1 - x)^(n + 1)
    assert chance_above(0, 28, 0.1) == pytest.approx(0.9**29)
    assert [decided([W] * n, 0.1, 0.05) for n in (27, 28)] == [None, False]  # 0.9^28 > 0.05
    assert decided([C], 0.1, 0.05) is True


def test_an_adaptive_budget_ends_where_the_posterior_is_on_one_side() -> None:
    words = [["right"] * 40, ["wrong"] * 40]
    found, asked = annotate(words, RolloutConfig(annotator="adaptive", k=40))
    assert [len(step.outcomes) for step in found.steps] == [1, 28]
    assert (found.first_error, len(asked)) == (1, 29)
    short, _ = annotate(words, RolloutConfig(annotator="adaptive", k=10))
    assert short.unscored == "step 1 undecided: 0 of 10 scored draws correct"


def test_an_adaptive_budget_makes_unscored_draws_again_within_the_allowance() -> None:
    config = RolloutConfig(annotator="adaptive", k=1, redraws=1)
    found, asked = annotate([["cut/right"]], config)
    assert (found.first_error, found.unscored, len(asked)) == (None, "", 2)
    assert found.steps[0].outcomes == (C,)
    left, asked = annotate([["cut/cut"]], config)
    assert left.unscored == "step 0 undecided: 0 of 0 scored draws correct"
    assert len(asked) == 2
    none, asked = annotate([["cut/right"]], config.model_copy(update={"redraws": 0}))
    assert none.unscored
    assert len(asked) == 1


@given(
    scripts(),
    st.sampled_from(["exhaustive", "sequential", "verify", "bisection", "adaptive"]),
    st.integers(1, 6),
)
def test_stored_draws_answer_for_cheaper_annotators_and_smaller_k(
    scripted: tuple[list[list[str]], RolloutConfig], name: str, smaller: int
) -> None:
    words, config = scripted
    config = config.model_copy(update={"redraws": 0, "threshold": 0})
    stored, _ = annotate(words, with_annotator(config, "exhaustive"))
    cheaper = with_annotator(config, name).model_copy(update={"k": min(smaller, config.k)})
    claim = Annotated(solution_id="p/m/0", first_error=len(words) - 1)
    live, _ = annotate(words, cheaper, C, claim)
    replayed = settled(start(Replayed(stored, solution(len(words))), cheaper, claim))
    assert (replayed.first_error, replayed.usage) == (live.first_error, live.usage)
    assert bool(replayed.unscored) == bool(live.unscored)
    assert [s.outcomes for s in replayed.steps] == [s.outcomes for s in live.steps]


def test_a_draw_that_was_not_made_is_no_failure_but_an_error() -> None:
    stored, _ = annotate([["wrong"] * 2], RolloutConfig(k=2))
    with pytest.raises(DataError, match="draw 2 of step 0 was not made by exhaustive with K = 2"):
        settled(start(Replayed(stored, solution(1)), RolloutConfig(k=3)))
    bare = McAnnotation.model_validate(
        {**dict(stored), "steps": [s.model_copy(update={"usages": ()}) for s in stored.steps]}
    )
    with pytest.raises(DataError, match="2 outcomes, 0 costs"):
        Replayed(bare, solution(1))


def test_draws_of_another_solution_are_not_replayed() -> None:
    full, _ = annotate([["right"] * 4] * 2, RolloutConfig(k=4), C)
    other = solution(2).model_copy(update={"solution_id": "p/m/1"})
    with pytest.raises(DataError, match="annotation of p/m/0 given for p/m/1"):
        Replayed(full, other)
