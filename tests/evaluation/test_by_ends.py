import numpy as np
import pytest

from prmkit.evaluation.by_ends import by_ends
from prmkit.evaluation.processbench import ProcessCase, evaluate, mean_error_accuracy, part_figures
from prmkit.intervals import Bootstrap, wilson
from prmkit.records import Estimate


def cases(
    subset: str, n_placed: int, n_wrong: int, n_cleared: int, n_right: int
) -> list[ProcessCase]:
    found: list[tuple[int | None, int | None]]
    found = [(1, 1 if i < n_placed else None) for i in range(n_wrong)]
    found += [(None, None if i < n_cleared else 0) for i in range(n_right)]
    return [
        ProcessCase(f"{subset}-{i}", f"{subset}-{i}", subset, truth, predicted)
        for i, (truth, predicted) in enumerate(found)
    ]


def test_an_f1_of_zero_reaches_as_far_up_as_its_parts_allow() -> None:
    # none of 6 errors placed, all of 4 right ones cleared
    result = evaluate(cases("a", 0, 6, 4, 4), seed=0)
    high = wilson(0, 6).high
    assert (result.mean_f1.value, result.mean_f1.low) == (0.0, 0.0)
    assert result.mean_f1.high == pytest.approx(2 * high / (high + 1.0))
    assert result.subsets["a"].f1.high == result.mean_f1.high


def test_an_f1_of_one_reaches_as_far_down_as_its_parts_allow() -> None:
    found = part_figures(cases("a", 5, 5, 3, 3), seed=0).f1
    assert found is not None
    a, b = wilson(5, 5).low, wilson(3, 3).low
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(2 * a * b / (a + b))


def test_a_mean_of_shares_of_zero_is_between_its_shares_ends() -> None:
    both = [*cases("a", 0, 6, 1, 1), *cases("b", 0, 3, 1, 1)]
    found = mean_error_accuracy(both, seed=0)
    assert (found.low, found.value) == (0.0, 0.0)
    assert found.high == pytest.approx((wilson(0, 6).high + wilson(0, 3).high) / 2)


def test_a_figure_with_spread_is_left_alone() -> None:
    some = Estimate(value=0.4, low=0.2, high=0.7, n=9, method="-")
    assert by_ends(some, [np.ones((2, 4))], lambda sums: sums[..., 0, 0], Bootstrap(0, 100)) is some


def test_a_mean_of_one_share_of_all_and_one_of_none_has_a_width() -> None:
    # F1 is 1 in one subset and 0 in the other in every resample
    result = evaluate([*cases("a", 2, 2, 2, 2), *cases("b", 0, 3, 0, 3)], seed=0)
    low, high = wilson(2, 2).low, wilson(0, 3).high
    assert result.mean_f1.value == 0.5
    assert result.mean_f1.low == pytest.approx(low / 2)
    assert result.mean_f1.high == pytest.approx((1 + high) / 2)
