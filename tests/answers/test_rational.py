r"""Formulas as exact quotients of polynomials."""

import pytest

from prmkit.answers.formula import Unsure, evaluate
from prmkit.answers.rational import Rational, identical


def same(a: str, b: str) -> bool:
    return identical(evaluate(a, Rational()), evaluate(b, Rational()))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # 1/x + 1/y = (x + y)/(xy)
        (r"\frac{1}{x} + \frac{1}{y}", r"\frac{x+y}{x*y}"),
        (r"\frac{1}{x} - \frac{1}{x}", "0"),
        # (1/x)^-2 = x^2
        (r"(\frac{1}{x})^{-2}", "x^2"),
        (r"\sqrt{0}", "0"),
        (r"\sqrt{2}\sqrt{6}", r"2\sqrt{3}"),
        ("0x", "0"),
    ],
)
def test_one_function_written_in_two_ways_is_identical(a: str, b: str) -> None:
    assert same(a, b)


def test_the_root_is_told_from_its_neighbour() -> None:
    assert not same(r"\sqrt{2}+\sqrt{3}", r"\sqrt{5}")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (r"\frac{1}{x-x}", "division by zero"),
        ("(x-x)^0", "power of zero"),
        ("(x-x)^{-1}", "power of zero"),
        ("2^{0.5}", "power"),
        ("2^{41}", "power"),
        ("2^x", "not rational"),
        (r"\sqrt{-4}", "root"),
        (r"\sqrt[3]{8}", "root"),
        (r"\sqrt{x}", "not rational"),
        (r"\sqrt{100000007}", "long root"),  # over 10^8: finding its squares would take long
        ("((2^{40})^{40})^2", "long number"),  # 2^3200 has 3201 bits
        ("i^2", "imaginary"),
        (r"\sin \frac{1}{x}", "argument"),
    ],
)
def test_what_is_no_exact_quotient_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(Unsure, match=why):
        evaluate(text, Rational())


def test_a_product_of_more_than_forty_terms_is_refused() -> None:
    # (1 + x + ... + x^6)(1 + y + ... + y^6) has 49 terms
    def powers(letter: str) -> str:
        return "(1+" + "+".join(f"{letter}^{n}" for n in range(1, 7)) + ")"

    with pytest.raises(Unsure, match="many terms"):
        evaluate(powers("x") + powers("y"), Rational())
