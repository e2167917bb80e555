import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.analysis.position import spread


def test_steps_are_spread_over_parts_by_what_they_cover() -> None:
    # two steps over four parts: the first covers parts 1 and 2, the second parts 3 and 4
    assert spread([1.0, 0.0], 4) == pytest.approx([0.5, 0.5, 0.0, 0.0])
    # three steps over two parts: the middle one lies half in each
    assert spread([0.0, 1.0, 0.0], 2) == pytest.approx([0.5, 0.5])
    assert spread([0.0, 0.0, 1.0], 2) == pytest.approx([0.0, 1.0])


@given(st.integers(1, 30), st.integers(1, 12))
def test_a_random_place_gives_even_parts(n_steps: int, n_bins: int) -> None:
    assert spread([1 / n_steps] * n_steps, n_bins) == pytest.approx([1 / n_bins] * n_bins)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(1, 12))
def test_spreading_loses_no_weight(weights: list[float], n_bins: int) -> None:
    assert sum(spread(weights, n_bins)) == pytest.approx(sum(weights))
