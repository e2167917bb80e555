import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import shared

from prmkit.errors import ConfigError, DataError, NothingScored
from prmkit.scoring.aggregate import AGGREGATES, Aggregate, aggregate, log_product

SCORES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("how", "expected"),
    # 0.5 * 0.8 * 0.9 = 0.36; (0.5 + 0.8 + 0.9) / 3 = 2.2 / 3; 0.36 ** (1/3) = 0.711379
    [
        ("product", 0.36),
        ("min", 0.5),
        ("last", 0.9),
        ("mean", 2.2 / 3),
        ("geometric_mean", 0.7113787),
    ],
)
def test_each_way_gives_the_number_worked_by_hand(how: Aggregate, expected: float) -> None:
    assert aggregate([0.5, 0.8, 0.9], how) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("how", AGGREGATES)
def test_nothing_has_no_aggregate(how: Aggregate) -> None:
    with pytest.raises(NothingScored):
        aggregate([], how)


@pytest.mark.parametrize("score", [-0.1, 1.1, math.nan])
def test_a_score_outside_its_range_is_refused_with_its_step(score: float) -> None:
    with pytest.raises(DataError, match="step 1"):
        aggregate([0.5, score], "min")


def test_an_unknown_way_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"median.*product, min"):
        aggregate([0.5], "median")  # type: ignore[arg-type]


def test_a_zero_makes_the_geometric_mean_zero() -> None:
    assert aggregate([0.0, 1.0], "geometric_mean") == 0.0
    assert log_product([0.0, 1.0]) == -math.inf


def test_the_log_product_tells_solutions_apart_where_the_product_is_zero() -> None:
    # 1e-10 to the 40th is 1e-400, below the smallest float
    better, worse = [1e-10] * 40, [1e-10] * 41
    assert aggregate(better, "product") == aggregate(worse, "product") == 0.0
    assert log_product(better) == pytest.approx(-400 * math.log(10))
    assert log_product(better) > log_product(worse)


@given(scores=SCORES)
def test_aggregates_stand_in_their_known_order(scores: list[float]) -> None:
    product, least, geometric, mean = (
        aggregate(scores, how) for how in ("product", "min", "geometric_mean", "mean")
    )
    assert product <= least + 1e-12
    assert least <= geometric + 1e-9
    assert geometric <= mean + 1e-9  # inequality of the means


@given(score=st.floats(0.0, 1.0))
def test_one_step_is_its_own_aggregate(score: float) -> None:
    for how in AGGREGATES:
        assert aggregate([score], how) == pytest.approx(score)


def test_the_published_score_of_a_prm800k_solution_is_the_product_of_its_steps() -> None:
    sample = json.loads(shared("best_of_n/openai_prm_scored_sample_1.json").read_text())
    scores = [row["1"] + row["0"] for row in sample["rating_probs"]]
    assert aggregate(scores, "product") == pytest.approx(0.09157553704097245, abs=1e-12)
