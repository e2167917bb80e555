import json
import random
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import shared

from prmkit.evaluation import subsampling
from prmkit.evaluation.best_of_n import Sample, Ties, Values, maj_at_n, prm_at_n, weighted_majority
from prmkit.evaluation.subsampling import best_curve, pass_curve, vote_curve
from prmkit.records import Outcome, StepScores

OUTCOMES = {"+": Outcome.CORRECT, "-": Outcome.INCORRECT, "?": Outcome.UNSCORED}


def samples(words: Sequence[str]) -> list[Sample]:
    """Samples from words such as `+4`, `-5`, `?4`, and `-` for a wrong one without an answer."""
    return [Sample(str(i), OUTCOMES[word[0]], word[1:] or None) for i, word in enumerate(words)]


def scored(scores: Sequence[float | None]) -> dict[str, StepScores]:
    return {
        str(i): StepScores(
            solution_id=str(i),
            model="m",
            scores=() if score is None else (score,),
            unscored="no" if score is None else "",
        )
        for i, score in enumerate(scores)
    }


def mean(values: Values) -> Any:
    known = [value for value in values if value is not None]
    return pytest.approx(sum(known) / len(known)) if known else None


WORDS = st.sampled_from(["+4", "-5", "-6", "?4", "-", "+"])
SCORES = st.none() | st.sampled_from([0.0, 0.25, 0.5, 0.75])
DRAWN = st.lists(st.tuples(WORDS, SCORES), min_size=1, max_size=6)


def test_the_best_of_two_is_the_mean_over_pairs() -> None:
    # ranks: +4, -5, +6. Pairs: (+4, -5) right, (+4, +6) right, (-5, +6) wrong
    assert best_curve(samples(["+4", "-5", "+6"]), [0.9, 0.8, 0.1]) == [
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
        1.0,
    ]


@given(DRAWN, st.sampled_from(["first", "fractional"]))
def test_votes_are_those_of_all_subsets(rows: list[tuple[str, float | None]], ties: Ties) -> None:
    drawn, scores = samples([word for word, _ in rows]), [score for _, score in rows]
    by_id = scored(scores)
    plain, weighted = vote_curve(drawn, None, ties), vote_curve(drawn, scores, ties)
    for k in range(1, len(rows) + 1):
        subsets = [list(subset) for subset in combinations(drawn, k)]
        assert plain[k - 1] == mean([maj_at_n(subset, ties) for subset in subsets])
        by_weight = [weighted_majority(subset, by_id, min, ties) for subset in subsets]
        assert weighted[k - 1] == mean(by_weight)


@given(DRAWN)
def test_picks_are_those_of_all_subsets(rows: list[tuple[str, float | None]]) -> None:
    drawn, scores = samples([word for word, _ in rows]), [score for _, score in rows]
    curve = best_curve(drawn, scores)
    for k in range(1, len(rows) + 1):
        picks = [prm_at_n(list(s), scored(scores), min) for s in combinations(drawn, k)]
        assert curve[k - 1] == mean(picks)


def test_a_fractional_tie_is_the_mean_of_what_is_tied() -> None:
    drawn = samples(["-5", "+4", "+4"])
    # pairs: (-5, +4) twice, a tie each: 1/2; (+4, +4): 1; mean 2/3. All three: 2/3
    assert best_curve(drawn, [0.5, 0.5, 0.5], "fractional") == [
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
    ]
    assert best_curve(drawn, [0.5, 0.5, 0.5])[2] == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_the_count_of_majorities_is_that_of_the_listed_subsets(seed: int) -> None:
    rng = random.Random(seed)
    drawn = samples(rng.choices(["+4", "-5", "-6", "+7", "-", "?1", "+"], k=11))
    counted = subsampling._majority_counts(drawn, subsampling._ballots(drawn, None))
    assert counted == [
        None if value is None else pytest.approx(value, abs=1e-12) for value in vote_curve(drawn)
    ]


def test_many_samples_are_counted_or_drawn_and_agree() -> None:
    rng = random.Random(1)
    drawn = samples(rng.choices(["+4", "-5", "-6", "+7", "-"], k=40))
    counted, guessed = vote_curve(drawn), vote_curve(drawn, [1.0] * 40)
    assert counted[-1] == guessed[-1] == maj_at_n(drawn)
    assert guessed == [pytest.approx(value, abs=0.12) for value in counted]


def test_pass_curve_is_pass_at_k() -> None:
    assert pass_curve(samples(["+1", "-2", "-3", "-4"])) == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("ties", ["first", "fractional"])
def test_random_orders_estimate_the_mean_over_all_subsets(ties: Ties) -> None:
    rng = random.Random(7)
    drawn = samples(rng.choices(["+4", "-5", "-6", "+7", "-", "?1", "+"], k=11))
    weights = [rng.choice([0.25, 0.5, None]) for _ in drawn]
    ballots = subsampling._ballots(drawn, weights)
    guessed = subsampling._random_orders(drawn, ballots, ties, (0,))
    counted = vote_curve(drawn, weights, ties)
    assert guessed[-1] == counted[-1]
    # 200 orders: standard error at most 0.5 / sqrt(200) = 0.035
    assert guessed == [
        None if value is None else pytest.approx(value, abs=0.12) for value in counted
    ]


def test_lightevals_figures_are_reproduced() -> None:
    n_checked = 0
    for case in json.loads(shared("grading/lighteval_pass_at_k.json").read_text())["test_cases"]:
        gold = case["doc"]["choices"][case["doc"]["gold_index"]]
        texts = case["model_response"]["text"][: case["metric_params"]["n"]]
        drawn = samples(["+" if text == gold else "-" for text in texts])
        (expected,) = case["expected_output"].values()
        curve = pass_curve(drawn)
        assert curve[case["metric_params"]["k"] - 1] == pytest.approx(
            expected, abs=case["tolerance"]
        )
        n_checked += 1
    assert n_checked == 3
