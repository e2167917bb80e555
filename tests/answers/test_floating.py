r"""Formulas as floats with a bound of their rounding error."""

import math

import pytest

from prmkit.answers.floating import Bounded, Floating, apart
from prmkit.answers.formula import Unsure, evaluate


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (r"\frac{1}{x-x}", "divisor near zero"),
        ("(-2)^{0.5}", "power"),
        ("i^{0.5}", "power"),
        ("2^i", "power"),
        ("0^{-1}", "power"),
        ("10^{300}", "too large"),
        (r"\sqrt{-4}", "root"),
        (r"\sqrt{x-x}", "root"),  # may be a little below zero
        (r"\ln i", "ln"),
        (r"\ln 0", "ln"),
        (r"\arcsin 2", "arcsin"),
        ("0.5!", "factorial"),
        ("101!", "factorial"),
    ],
)
def test_a_value_that_is_not_certain_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(Unsure, match=why):
        evaluate(text, Floating())


def test_an_unknown_function_is_refused() -> None:
    with pytest.raises(Unsure, match="sinh"):
        Floating().call("sinh", Bounded(1, 0.0))


def test_a_step_is_taken_only_where_the_bound_is_clear_of_it() -> None:
    assert evaluate(r"\lfloor 2.5 \rfloor", Floating()).value == 2
    with pytest.raises(Unsure):  # just below 3, or just above?
        evaluate(r"\lfloor 3 \rfloor", Floating())


def test_the_root_of_an_exact_zero_is_zero() -> None:
    assert evaluate(r"\sqrt{0}", Floating()) == (0, 0.0)


def test_a_power_of_a_number_that_is_mostly_error_is_refused() -> None:
    # 1 +- 0.01 squared is 1 +- 0.02: far more than any rounding
    with pytest.raises(Unsure, match="power"):
        Floating().power(Bounded(1, 0.01), Bounded(2, 0.0))


def test_the_imaginary_unit_has_a_size_and_a_square() -> None:
    assert evaluate("|3+4i|", Floating()).value == 5
    assert abs(evaluate("i*i", Floating()).value + 1) < 1e-12


def test_the_bound_holds_the_true_value() -> None:
    # sqrt(2) sqrt(3) / sqrt(6) = 1; sin(pi/6) = 1/2
    for text, value in ((r"\sqrt{2}\sqrt{3}/\sqrt{6}", 1.0), (r"\sin (\frac{\pi}{6})", 0.5)):
        found = evaluate(text, Floating())
        assert abs(found.value - value) <= found.error
        assert found.error < 1e-13


def test_numbers_are_apart_beyond_rounding_and_both_bounds_only() -> None:
    # the gap has to exceed 1e-5 + 1e-9 * 2 + 4 * (errors)
    assert apart(Bounded(1, 0.0), Bounded(2, 0.0))
    assert not apart(Bounded(1, 0.0), Bounded(1 + 9e-6, 0.0))
    assert apart(Bounded(1, 0.0), Bounded(1 + 2e-5, 0.0))
    assert not apart(Bounded(1, 0.2), Bounded(2, 0.1))  # 4 * 0.3 = 1.2 > 1


def test_letters_stand_for_whole_numbers_where_asked() -> None:
    for whole in (1, 2):
        value = evaluate("n", Floating(whole=whole)).value
        assert value == round(value.real) >= 7
    assert 1 <= evaluate("n", Floating()).value.real <= 1.2
    assert evaluate("e", Floating(whole=1)).value == math.e
