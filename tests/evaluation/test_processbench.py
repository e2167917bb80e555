import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prmkit.errors import DataError, NothingScored
from prmkit.evaluation.processbench import (
    ProcessCase,
    compare,
    degenerate,
    evaluate,
    predict_first_error,
)
from prmkit.intervals import wilson

UNREADABLE = "unreadable"
Place = int | str | None
Row = tuple[int | None, Place]
"""The true place of the first error and the predicted one, or why there is none."""


def cases(*rows: Row, subset: str = "math") -> list[ProcessCase]:
    """Cases, each of a problem of its own."""
    return [
        ProcessCase(
            case_id=f"{subset}-{index}",
            problem_id=f"{subset}-p{index}",
            subset=subset,
            first_error=truth,
            predicted=None if isinstance(predicted, str) else predicted,
            unscored=predicted if isinstance(predicted, str) else "",
        )
        for index, (truth, predicted) in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("scores", "first_error"),
    [
        ([0.9, 0.4, 0.1], 1),
        ([0.9, 0.5, 0.5], None),  # below 0.5, not at it
        ([0.0], 0),
        ([1.0, 1.0], None),
    ],
)
def test_the_first_step_below_the_decision_is_the_prediction(
    scores: list[float], first_error: int | None
) -> None:
    assert predict_first_error(scores) == first_error


def test_no_scores_or_not_a_number_is_an_error_and_not_a_right_solution() -> None:
    with pytest.raises(NothingScored):
        predict_first_error([])
    with pytest.raises(DataError, match="not a number"):
        predict_first_error([0.9, float("nan")])


def test_the_decision_moves_the_prediction() -> None:
    assert predict_first_error([0.8, 0.6], decision=0.7) == 1


def test_figures_follow_the_official_formula() -> None:
    # With error: places 0, 1, 2, 3 predicted 0, 1, none, 4: 2 of 4 exact.
    # Without: 3 of 4 predicted to have none. F1 = 2 * 0.5 * 0.75 / 1.25 = 0.6
    rows = [(0, 0), (1, 1), (2, None), (3, 4), (None, None), (None, None), (None, None), (None, 1)]
    result = evaluate(cases(*rows), seed=0)
    math = result.subsets["math"]
    assert math.error_accuracy.value == 0.5
    assert math.correct_accuracy.value == 0.75
    assert math.f1.value == pytest.approx(0.6)
    assert (math.error_accuracy.n, math.correct_accuracy.n, math.f1.n) == (4, 4, 8)
    assert result.mean_f1.value == math.f1.value
    assert math.f1.low < 0.6 < math.f1.high


@pytest.mark.parametrize(
    ("n_error", "n_correct", "error", "correct", "f1"),
    [
        # arXiv 2501.07301, table 7, Qwen2.5-72B-Instruct; sizes of the subsets of ProcessBench.
        (207, 193, 62.8, 96.9, 76.2),
        (594, 406, 46.3, 93.1, 61.8),
        (661, 339, 38.7, 92.6, 54.6),
        (759, 241, 36.6, 90.9, 52.2),
    ],
)
def test_published_accuracies_give_the_published_f1(
    n_error: int, n_correct: int, error: float, correct: float, f1: float
) -> None:
    n_found, n_passed = round(n_error * error / 100), round(n_correct * correct / 100)
    rows: list[Row] = [*[(3, 3)] * n_found, *[(3, 2)] * (n_error - n_found)]
    rows += [(None, None)] * n_passed + [(None, 0)] * (n_correct - n_passed)
    found = evaluate(cases(*rows), seed=0, resamples=100).subsets["math"]
    assert 100 * found.error_accuracy.value == pytest.approx(error, abs=0.1)
    assert 100 * found.correct_accuracy.value == pytest.approx(correct, abs=0.1)
    assert 100 * found.f1.value == pytest.approx(f1, abs=0.1)


def test_the_benchmarks_figure_is_the_plain_mean_of_its_subsets() -> None:
    # gsm8k: accuracies 1 and 1, F1 1; math: 0 of 1 and 3 of 3, F1 0; not weighted by size
    gsm8k = cases((0, 0), (None, None), subset="gsm8k")
    math = cases((0, 1), (None, None), (None, None), (None, None))
    result = evaluate([*gsm8k, *math], seed=0)
    assert [s.f1.value for s in result.subsets.values()] == [1.0, 0.0]
    assert list(result.subsets) == ["gsm8k", "math"]
    assert result.mean_f1.value == 0.5
    assert result.mean_f1.n == 6


def test_f1_is_zero_where_both_accuracies_are() -> None:
    both_wrong = evaluate(cases((0, 1), (None, 0)), seed=0).mean_f1
    assert (both_wrong.value, both_wrong.low) == (0.0, 0.0)
    # of one case each: the F1 of the Wilson ends is that end
    assert both_wrong.high == pytest.approx(wilson(0, 1).high)


def test_an_unreadable_prediction_is_left_out_and_counted() -> None:
    rows: list[Row] = [(0, 0), (1, UNREADABLE), (None, None), (None, UNREADABLE), (None, 0)]
    math = evaluate(cases(*rows), seed=0).subsets["math"]
    assert (math.error_accuracy.value, math.correct_accuracy.value) == (1.0, 0.5)
    assert (math.error_accuracy.n, math.error_accuracy.n_unscored) == (1, 1)
    assert (math.correct_accuracy.n, math.correct_accuracy.n_unscored) == (2, 1)
    assert (math.f1.n, math.f1.n_unscored) == (3, 2)


def test_an_unreadable_prediction_is_wrong_if_the_official_protocol_is_asked_for() -> None:
    # As there, an unreadable reply equals neither a place nor "no error".
    rows: list[Row] = [(0, 0), (1, UNREADABLE), (None, None), (None, UNREADABLE), (None, 0)]
    math = evaluate(cases(*rows), seed=0, unreadable="wrong").subsets["math"]
    assert math.error_accuracy.value == 0.5
    assert math.correct_accuracy.value == pytest.approx(1 / 3)
    assert (math.f1.n, math.f1.n_unscored) == (5, 0)


def test_a_subset_without_one_kind_of_case_has_no_f1() -> None:
    with pytest.raises(NothingScored, match="'math': no scored case with an error"):
        evaluate(cases((None, None), (0, UNREADABLE)), seed=0)
    with pytest.raises(NothingScored, match="'math': no scored case without error"):
        evaluate(cases((0, 0)), seed=0)
    with pytest.raises(NothingScored):
        evaluate([], seed=0)


def test_a_case_that_comes_twice_is_refused() -> None:
    with pytest.raises(DataError, match="math-0: the case comes twice"):
        evaluate(cases((0, 0), (None, None)) * 2, seed=0)


def test_the_order_of_cases_does_not_change_a_figure() -> None:
    rows = [(i % 3, 0) for i in range(9)] + [(None, None if i % 2 else 1) for i in range(9)]
    given_cases = [*cases(*rows), *cases(*rows[3:], subset="gsm8k")]
    shuffled = random.Random(5).sample(given_cases, len(given_cases))
    assert evaluate(shuffled, seed=4) == evaluate(given_cases, seed=4)


def test_cases_of_one_problem_are_resampled_together() -> None:
    alone = cases((0, 0), (1, 0), (None, None), (None, 0))
    again = [case._replace(case_id=f"{case.case_id}-again") for case in alone]
    narrow = evaluate(alone, seed=2).mean_f1
    doubled = evaluate([*alone, *again], seed=2).mean_f1
    assert (doubled.low, doubled.value, doubled.high) == (narrow.low, narrow.value, narrow.high)


def test_a_system_does_not_differ_from_itself() -> None:
    rows = [(0, 0), (1, 2), (None, None), (None, 0)] * 5
    difference = compare(cases(*rows), cases(*rows)[::-1], seed=0).mean_f1
    assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)


def test_a_difference_is_that_of_the_two_f1() -> None:
    a = cases((0, 0), (1, 1), (None, None), (None, 0))  # 1 and 0.5: F1 2/3
    b = cases((0, 0), (1, 0), (None, 0), (None, None))  # 0.5 and 0.5: F1 1/2
    difference = compare(a, b, seed=0)
    assert difference.mean_f1.value == pytest.approx(2 / 3 - 1 / 2)
    assert difference.subsets["math"].value == difference.mean_f1.value


def test_a_difference_leaves_out_what_either_system_left_unscored() -> None:
    a = cases((0, 0), (1, UNREADABLE), (None, None), (None, 0))
    b = cases((0, 0), (1, 0), (None, None), (None, UNREADABLE))
    apart = compare(a, b, seed=0).mean_f1
    assert (apart.value, apart.n, apart.n_unscored) == (0.0, 2, 2)
    # As wrong: a 0.5 and 0.5; b 0.5 and 0.5
    wrong = compare(a, b, seed=0, unreadable="wrong").mean_f1
    assert (wrong.value, wrong.n, wrong.n_unscored) == (0.0, 4, 0)


def test_systems_on_different_cases_are_not_compared() -> None:
    a = cases((0, 0), (None, None))
    with pytest.raises(DataError, match="1 cases are not in both systems, math-1"):
        compare(a, a[:1], seed=0)
    with pytest.raises(DataError, match="math-0: the systems disagree about the case"):
        compare(a, cases((1, 0), (None, None)), seed=0)


def test_predictions_that_ignore_the_solution_are_named() -> None:
    assert degenerate(cases((0, None), (None, None), (None, UNREADABLE))) == "never_an_error"
    assert degenerate(cases((0, 2), (None, 2))) == "always_the_same_place"
    assert degenerate(cases((0, 2), (None, 1))) == "always_an_error"
    assert degenerate(cases((0, 2), (None, None))) == ""
    assert degenerate(cases((0, UNREADABLE))) == ""


PLACES = st.sampled_from([None, 0, 1, 2])


@settings(max_examples=25)
@given(st.lists(st.tuples(PLACES, PLACES), max_size=10), st.integers(0, 2))
def test_an_unscored_case_changes_no_figure(rows: list[Row], truth: int) -> None:
    some = cases((0, 0), (None, None), *rows)
    (unscored,) = cases((truth, UNREADABLE))
    extra = unscored._replace(case_id="math-x", problem_id="math-p0")
    with_it = evaluate([*some, extra], seed=1, resamples=20).mean_f1
    without = evaluate(some, seed=1, resamples=20).mean_f1
    assert with_it.model_copy(update={"n_unscored": 0}) == without
