import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.intervals import Bootstrap
from prmkit.pipeline.findings import (
    Labelled,
    label_quality,
    policy_quality,
)
from prmkit.records import Estimate, Outcome, Solution

INTERVAL = Bootstrap(seed=0, resamples=200)
RIGHT, WRONG = Outcome.CORRECT, Outcome.INCORRECT


def value(estimate: Estimate | None) -> float | None:
    return None if estimate is None else round(estimate.value, 6)


places = st.none() | st.integers(min_value=0, max_value=9)


@given(st.lists(st.tuples(places, places), min_size=1, max_size=30))
def test_directions_share_out_all_that_is_wrong(pairs: list[tuple[int | None, int | None]]) -> None:
    rows = [Labelled(f"p{i}", RIGHT, label, truth) for i, (label, truth) in enumerate(pairs)]
    quality = label_quality(rows, 0, INTERVAL)
    shares = [quality.missed, quality.invented, quality.too_early, quality.too_late]
    assert quality.wrong is not None
    assert sum(s.value for s in shares if s is not None) == pytest.approx(quality.wrong.value)


def test_label_quality_on_a_worked_table() -> None:
    # of 5 labels: right none, right 1, missed, invented, too late: 3 of 5 wrong;
    # with an error: 1, missed, too late: 1 of 3 right; without: none, invented: 1 of 2 right
    rows = [
        Labelled("a", RIGHT, None, None),
        Labelled("b", WRONG, 1, 1),
        Labelled("c", RIGHT, None, 0),
        Labelled("d", RIGHT, 3, None),
        Labelled("e", WRONG, 2, 1),
    ]
    quality = label_quality(rows, 4, INTERVAL)
    assert value(quality.wrong) == 0.6
    assert value(quality.missed) == value(quality.invented) == value(quality.too_late) == 0.2
    assert value(quality.too_early) == 0.0
    assert value(quality.error_accuracy) == round(1 / 3, 6)
    assert value(quality.correct_accuracy) == 0.5
    assert quality.n_unscored == 4


def test_a_share_of_nothing_is_null_not_zero() -> None:
    quality = label_quality([Labelled("a", RIGHT, None, None)], 0, INTERVAL)
    assert quality.error_accuracy is None
    assert value(quality.correct_accuracy) == 1.0


def test_rows_of_one_problem_are_drawn_together() -> None:
    # two problems of two equal rows each: a resample sees 0, 2 or 4 true rows of 4, so the
    # interval is all of [0, 1]; four problems of one row would give a narrower one
    together = INTERVAL.share([("a", True), ("a", True), ("b", False), ("b", False)])
    apart = Bootstrap(seed=0, resamples=200).share([(str(i), i < 8) for i in range(16)])
    assert together is not None
    assert apart is not None
    assert (together.low, together.high, together.n) == (0.0, 1.0, 4)
    assert apart.high - apart.low < 0.6


def solution(name: str, outcome: Outcome) -> Solution:
    return Solution(
        solution_id=name,
        problem_id=name,
        policy="x",
        sample_index=0,
        steps=("s",),
        outcome=outcome,
        reason="unfinished" if outcome is Outcome.UNSCORED else "",
    )


def test_process_errors_are_counted_among_right_answers_only() -> None:
    # right: a (process right), b (process wrong); wrong: c; unscored: d
    solutions = [
        solution("a", RIGHT),
        solution("b", RIGHT),
        solution("c", WRONG),
        solution("d", Outcome.UNSCORED),
    ]
    quality = policy_quality(solutions, {"a": None, "b": 2, "c": 0}, INTERVAL)
    assert value(quality.accuracy) == round(2 / 3, 6)
    assert value(quality.process_error) == 0.5
    assert quality.accuracy is not None
    assert (quality.accuracy.n, quality.accuracy.n_unscored) == (3, 1)
