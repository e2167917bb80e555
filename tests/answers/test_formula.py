r"""Which formulas are read, and as what."""

import pytest

from prmkit.answers.floating import Floating
from prmkit.answers.formula import Unsure, evaluate
from prmkit.answers.rational import Rational, identical


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2(x+1)", "2x+2"),
        ("x_1 + x_{1}", "2x_1"),
        ("x_{12}y_n", "y_{N}x_{12}"),
        (r"\frac\pi2", r"0.5\pi"),
        (r"\frac12", "0.5"),
        (r"\frac xy", r"\frac{x}{y}"),
        ("2^{-3}", "0.125"),
        (r"\sqrt[2]{9}", "3"),
        ("-x+3", "3-x"),
    ],
)
def test_what_has_one_reading_is_read(text: str, same: str) -> None:
    assert identical(evaluate(text, Rational()), evaluate(same, Rational()))


def test_letters_with_different_indices_are_different() -> None:
    first, second = (evaluate(text, Rational()) for text in ("x_1", "x_2"))
    assert not identical(first, second)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\sqrt[3]{8}", 2.0),
        (r"\sin^2 1 + \cos^{2} 1", 1.0),
        (r"\tan^3 \frac{\pi}{4}", 1.0),
        (r"\log_2 8", 3.0),
        ("|-3|", 3.0),
        ("4!", 24.0),
        (r"\lfloor 2.5 \rfloor + \lceil 2.5 \rceil", 5.0),
        ("e^{i-i}", 1.0),
    ],
)
def test_roots_functions_and_steps_have_their_values(text: str, value: float) -> None:
    found = evaluate(text, Floating())
    assert abs(found.value - value) <= found.error + 1e-12
    assert found.error < 1e-9


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2(3)", "product"),  # a product, or a mistake for 23
        ("1/2x", "product"),
        ("2^3^2", "tower"),  # 8^2 or 2^9
        ("x^(2)", "exponent"),
        ("x^12", r"x\^12"),  # in LaTeX the exponent is 1 only
        ("x_+", "index"),
        (r"x_{\pi}", "index"),
        (r"\sin^4 x", "inverse"),
        (r"\sin^{-1} x", "inverse"),  # arcsin, or 1/sin
        (r"\sqrt[7]{x}", "degree"),
        ("{x}", "braces"),
        ("1 -- 2", "two signs"),
        (r"\unknown", "unknown"),
        ("x+;", ";"),
        ("xy)", r"\)"),
        ("apples", "apples"),
        ("1" * 401, "long"),
    ],
)
def test_what_has_two_readings_or_none_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(Unsure, match=why):
        evaluate(text, Rational())


def test_twenty_sums_within_each_other_are_read_and_no_more() -> None:
    # each bracket holds a sum, and the whole is one
    allowed = evaluate("(" * 19 + "x" + ")" * 19, Rational())
    assert identical(allowed, evaluate("x", Rational()))
    with pytest.raises(Unsure, match="deep"):
        evaluate("(" * 20 + "x" + ")" * 20, Rational())
