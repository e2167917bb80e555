import numpy as np
import pytest

from prmkit.analysis.calibration import calibration_error
from prmkit.analysis.tally import by_problem, f1_of
from prmkit.intervals import Bootstrap

INTERVAL = Bootstrap(seed=0, resamples=200)


def test_rows_of_a_problem_are_summed() -> None:
    sums = by_problem([("b", (1.0, 2.0)), ("a", (5.0, 0.0)), ("b", (1.0, 1.0))])
    assert sums.tolist() == [[5.0, 0.0], [2.0, 3.0]]


def test_f1_of_places_is_the_harmonic_mean_of_two_accuracies() -> None:
    # with an error: places 1 and 2, one found: 1/2; without: three, two left alone: 2/3
    # F1 = 2 * 1/2 * 2/3 / (1/2 + 2/3) = (2/3) / (7/6) = 4/7
    places = [("a", 1, 1), ("b", 2, 0), ("c", None, None), ("d", None, None), ("e", None, 3)]
    f1 = f1_of(places, 2, INTERVAL)
    assert f1 is not None
    assert f1.value == pytest.approx(4 / 7)
    assert (f1.n, f1.n_unscored) == (5, 2)
    assert f1.low <= f1.value <= f1.high


def test_f1_without_one_kind_of_solution_is_nothing_and_with_no_hit_it_is_zero() -> None:
    assert f1_of([("a", 1, 1)], 0, INTERVAL) is None
    assert f1_of([], 0, INTERVAL) is None
    none_hit = f1_of([("a", 1, None), ("b", None, 0)], 0, INTERVAL)
    assert none_hit is not None
    assert none_hit.value == 0.0


def test_calibration_error_is_the_mean_gap_of_bins_by_their_steps() -> None:
    # bin 1: scores sum 1.0 of 2 steps, 1 right: no gap; bin 2: 2.7 of 3 steps, 1 right: gap 1.7
    sums = np.array([1.0, 1.0, 2.0, 2.7, 1.0, 3.0])
    assert float(calibration_error(sums)) == pytest.approx(1.7 / 5)
