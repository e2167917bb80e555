import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.errors import NothingScored
from prmkit.intervals import (
    Bootstrap,
    Floats,
    bootstrap,
    mean_over_problems,
    paired_difference,
    ratio,
    resolved,
    share_over_problems,
    wilson,
)


def test_wilson_is_the_textbook_interval() -> None:
    # z = 1.959964; 8 of 10: centre (0.8 + z^2/20) / (1 + z^2/10) = 0.992073/1.384146 = 0.716740
    # half z/1.384146 * sqrt(0.016 + z^2/400) = 1.416010 * 0.160013 = 0.226577
    share = wilson(8, 10, n_unscored=3)
    assert share.value == 0.8
    assert share.low == pytest.approx(0.490162, abs=1e-5)
    assert share.high == pytest.approx(0.943318, abs=1e-5)
    assert (share.n, share.n_unscored, share.method) == (10, 3, "Wilson, 95 %")


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_its_share_and_stays_in_the_unit_interval(counts: tuple[int, int]) -> None:
    share = wilson(*counts)
    assert 0.0 <= share.low <= share.value <= share.high <= 1.0


def test_a_share_of_nothing_is_an_error() -> None:
    with pytest.raises(NothingScored):
        wilson(0, 0)
    with pytest.raises(ValueError, match="3 successes of 2"):
        wilson(3, 2)


def test_mean_leaves_unscored_problems_out_and_counts_them() -> None:
    mean = mean_over_problems([1.0, None, 0.0, 1.0, 0.0], seed=0)
    assert (mean.value, mean.n, mean.n_unscored) == (0.5, 4, 1)
    assert mean.method == "bootstrap over problems, 95 %, 1000 resamples"


def test_a_mean_of_nothing_scored_is_an_error() -> None:
    for values in ([], [None, None]):
        with pytest.raises(NothingScored):
            mean_over_problems(values, seed=0)


def test_bootstrap_of_a_mean_has_the_standard_error_of_the_mean() -> None:
    # 100 values, half 0 and half 1: standard error sqrt(0.25 / 100) = 0.05, 95 % = +- 0.098
    mean = mean_over_problems([0.0, 1.0] * 50, seed=1, resamples=4000)
    assert mean.low == pytest.approx(0.402, abs=0.015)
    assert mean.high == pytest.approx(0.598, abs=0.015)


def test_copies_of_rows_in_one_problem_do_not_narrow_the_interval() -> None:
    def mean(sums: Floats) -> Floats:
        return ratio(sums[..., 0, 0], sums[..., 0, 1])

    hits = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.0, 1.0]])
    once = bootstrap([hits], mean, (4, 0), seed=3)
    tenfold = bootstrap([10 * hits], mean, (40, 0), seed=3)
    assert (once.low, once.high) == (tenfold.low, tenfold.high)


def test_seed_decides_the_interval() -> None:
    values = [0.1 * i for i in range(17)]
    assert mean_over_problems(values, seed=5) == mean_over_problems(values, seed=5)
    assert mean_over_problems(values, seed=5) != mean_over_problems(values, seed=6)


def test_paired_difference_of_a_constant_shift_has_no_width() -> None:
    # b = a - 0.25 on each problem: every resample's difference is 0.25
    a = [0.25, 0.5, 1.0, 0.75]
    difference = paired_difference(a, [0.0, 0.25, 0.75, 0.5], seed=0)
    assert (difference.value, difference.low, difference.high) == (0.25, 0.25, 0.25)
    assert resolved(difference)
    assert resolved(paired_difference([0.0, 0.25, 0.75, 0.5], a, seed=0))


def test_a_difference_of_noise_is_not_resolved() -> None:
    difference = paired_difference([1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0], seed=0)
    assert difference.value == 0.0
    assert not resolved(difference)


def test_paired_difference_leaves_out_what_either_side_left_unscored() -> None:
    difference = paired_difference([1.0, None, 1.0], [0.0, 1.0, None], seed=0)
    assert (difference.value, difference.n, difference.n_unscored) == (1.0, 1, 2)
    with pytest.raises(ValueError, match="zip"):
        paired_difference([1.0], [1.0, 0.0], seed=0)


def test_strata_are_resampled_each_on_its_own() -> None:
    # Two strata without spread inside: the mean of their means never moves.
    def macro(sums: Floats) -> Floats:
        return np.asarray(ratio(sums[..., 0], sums[..., 1]).mean(axis=-1))

    strata = [np.array([[1.0, 1.0]] * 5), np.array([[0.0, 1.0]] * 50)]
    macro_mean = bootstrap(strata, macro, (55, 0), seed=0)
    assert (macro_mean.low, macro_mean.value, macro_mean.high) == (0.5, 0.5, 0.5)


def test_undefined_resamples_are_left_out_and_stated() -> None:
    # One of two problems has a denominator of 0; a resample of it alone (1 in 4) is 0/0.
    def share(sums: Floats) -> Floats:
        return ratio(sums[..., 0, 0], sums[..., 0, 1])

    estimate = bootstrap([np.array([[1.0, 2.0], [0.0, 0.0]])], share, (1, 0), seed=0)
    assert (estimate.low, estimate.value, estimate.high) == (0.5, 0.5, 0.5)
    assert "of them undefined" in estimate.method
    with pytest.raises(NothingScored):
        bootstrap([np.array([[0.0, 0.0]])], share, (0, 1), seed=0)


def test_means_by_slice_leave_unscored_values_out_and_count_them() -> None:
    rows = [("a", "x", 1.0), ("a", "y", 3.0), ("b", "x", 0.0), ("b", "x", None), ("b", "z", None)]
    found = Bootstrap(seed=0, resamples=200).means(rows)
    assert list(found) == ["x", "y"]
    assert (found["x"].value, found["x"].n, found["x"].n_unscored) == (0.5, 2, 1)
    # y is in one of two problems: resamples without it say nothing, the others say 3
    assert (found["y"].low, found["y"].value, found["y"].high) == (3.0, 3.0, 3.0)
    assert "undefined" in found["y"].method


def test_means_of_one_slice_are_those_of_the_plain_bootstrap() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0, 0.5]
    rows = [(f"p{i}", "all", value) for i, value in enumerate(values)]
    found = Bootstrap(seed=3, resamples=500).means(rows)["all"]
    assert found == mean_over_problems(values, seed=3, resamples=500)


def test_slices_are_resampled_together() -> None:
    # y is x + 1 on every problem, and so in every resample
    rows = [(f"p{i}", of, i % 3 + add) for i in range(20) for of, add in (("x", 0.0), ("y", 1.0))]
    found = Bootstrap(seed=0, resamples=300).means(rows)
    assert found["y"].low == pytest.approx(found["x"].low + 1)
    assert found["y"].high == pytest.approx(found["x"].high + 1)


def test_a_share_of_all_or_none_is_not_given_an_interval_of_no_width() -> None:
    # two problems, one with three cases: Wilson for 2 of 2, not 4 of 4
    rows = np.array([[3.0, 3.0], [1.0, 1.0]])
    found = share_over_problems(rows, (4, 0), seed=0)
    assert (found.value, found.low, found.high, found.n) == (1.0, wilson(2, 2).low, 1.0, 4)
    none = share_over_problems(rows * [0.0, 1.0], (4, 0), seed=0)
    assert (none.low, none.high) == (0.0, wilson(0, 2).high)
    some = share_over_problems(np.array([[1.0, 2.0], [1.0, 1.0]]), (3, 0), seed=0)
    assert some.value == 2 / 3
    assert "bootstrap" in some.method
    with pytest.raises(NothingScored):
        share_over_problems(np.zeros((0, 2)), (0, 0), seed=0)


def test_equal_problems_drawn_as_one_kind_give_the_interval_of_problems_drawn_one_by_one() -> None:
    # 30 of 100: binomial standard error sqrt(0.3 * 0.7 / 100) = 0.0458
    rows = np.array([[1.0, 1.0]] * 30 + [[0.0, 1.0]] * 70)
    found = share_over_problems(rows, (100, 0), seed=0, resamples=20_000)
    assert found.low == pytest.approx(0.3 - 1.96 * 0.0458, abs=0.01)
    assert found.high == pytest.approx(0.3 + 1.96 * 0.0458, abs=0.01)


def test_shares_by_slice_of_all_or_none_have_the_wilson_interval_over_their_problems() -> None:
    rows = [("p", "all", 1.0), ("p", "all", 1.0), ("q", "all", 1.0), ("q", "some", 0.0)]
    rows += [("r", "some", 1.0), ("r", "none", 0.0)]
    found = Bootstrap(seed=0, resamples=300).shares([*rows, ("s", "none", None)])
    # three cases in two problems
    assert (found["all"].low, found["all"].high, found["all"].n) == (wilson(2, 2).low, 1.0, 3)
    assert (found["none"].low, found["none"].high) == (0.0, wilson(0, 1).high)
    assert (found["none"].n, found["none"].n_unscored) == (1, 1)
    assert found["some"] == Bootstrap(seed=0, resamples=300).means(rows)["some"]
    one = Bootstrap(seed=0, resamples=300).share([("p", True), ("q", True)], n_unscored=4)
    assert one is not None
    assert (one.low, one.n_unscored) == (wilson(2, 2).low, 4)


def test_a_mean_over_problems_of_all_or_none_has_the_wilson_interval() -> None:
    found = mean_over_problems([0.0, 0.0, None, 0.0], seed=0)
    assert (found.low, found.high, found.n, found.n_unscored) == (0.0, wilson(0, 3).high, 3, 1)


def test_a_share_of_sums_counts_the_problems_that_have_a_value() -> None:
    # three problems, one without a case of the kind
    sums = np.array([[2.0, 2.0], [1.0, 1.0], [0.0, 0.0]])
    found = Bootstrap(seed=0, resamples=300).of_share(
        sums, lambda s: ratio(s[..., 0], s[..., 1]), (3, 0)
    )
    assert found is not None
    assert (found.low, found.high) == (wilson(2, 2).low, 1.0)


def test_a_statistic_that_no_resample_changes_is_said_to_be_one() -> None:
    found = paired_difference([0.75, 1.0], [0.5, 0.75], seed=0)
    assert (found.value, found.low, found.high) == (0.25, 0.25, 0.25)
    assert found.method.endswith("all of one value")
    assert "one value" not in mean_over_problems([0.0, 1.0, 1.0], seed=0).method


def test_two_systems_that_agree_everywhere_may_still_differ_elsewhere() -> None:
    found = paired_difference([1.0, 0.0, None], [1.0, 0.0, 1.0], seed=0)
    reach = wilson(0, 2).high
    assert (found.value, found.low, found.high) == (0.0, -reach, reach)
    assert (found.n, found.n_unscored) == (2, 1)


def test_one_problem_resolves_nothing_and_many_that_all_say_the_same_do() -> None:
    one = paired_difference([1.0], [0.0], seed=0)
    assert (one.value, one.high) == (1.0, 1.0)
    assert one.low == pytest.approx(2 * wilson(1, 1).low - 1)
    assert not resolved(one)
    many = paired_difference([0.0] * 8, [1.0] * 8, seed=0)
    assert (many.value, many.low) == (-1.0, -1.0)
    assert many.high == pytest.approx(1 - 2 * wilson(8, 8).low)
    assert resolved(many)


def test_draws_that_are_too_many_to_keep_are_made_again_alike() -> None:
    # 11 million weights against a limit of 10 million; as many different values as problems
    values = [i / 10_999 for i in range(11_000)]
    first, second = (mean_over_problems(values, seed=3, resamples=1000) for _ in range(2))
    assert first == second
    # standard error sqrt(1 / 12 / 11,000) = 0.002752, 95 % = +- 0.00539
    assert first.low == pytest.approx(0.5 - 0.00539, abs=0.0006)
    assert first.high == pytest.approx(0.5 + 0.00539, abs=0.0006)
