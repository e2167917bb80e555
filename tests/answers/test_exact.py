import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.answers.exact import compare_exactly

EQUAL = [
    ("5", "5"),
    ("5.0", "5"),
    ("+5", "5"),
    ("005", "5"),
    ("5.", "5"),
    ("1,234,567", "1234567"),
    (r"10{,}000", "10000"),
    (r"11,\! 111,\! 100", "11111100"),
    ("1 000", "1000"),
    (r"\$118,000", "118000"),
    ("$1,000.99", "1000.99"),
    ("-3/4", r"-\frac{3}{4}"),
    (r"\dfrac{2}{4}", "0.5"),
    (r"\frac12", r"\frac{1}{2}"),
    (r"918\frac{1}{2}", "918.5"),
    ("1 1/2", "1.5"),
    ("11/2", "5.5"),
    (r"7.8\times 10^2", "780"),
    (r"5\cdot10^{-1}", "0.5"),
    ("1e3", "1000"),
    (r"28\%", "28 percent"),
    ("28%", "0.28"),
    ("10%", "10"),
    (r"90^\circ", "90"),
    (r"90^{\circ}", "90 degrees"),
    (r"10 \text{ miles per hour}", "10"),
    ("125 miles", "125"),
    (r"15\mbox{ cm}^2", "15"),
    ("2,74", "2.74"),
    (r"\left( 1, 2 \right)", "(1,2)"),
    (r"$\frac{x}{2}$", r"\dfrac{x}{2}"),
    (r"\boxed{\frac{3}{5}}", "0.6"),
    (r"\text{Evelyn}", "Evelyn"),
    ("even", r"\text{Even}"),
    ("(C)", "C"),
    ("c", "C"),
    (r"\textbf{(C)}", "C"),
    ("(C) 12", "C"),
    ("C. twelve", "C"),
    ("A,D", r"\text{A,D}"),
    ("101_2", "101_{2}"),
    ("-12", "-12"),
    ("37_{10}", "37"),
    ("0.0011_2", "0.0011_{2}"),
    ("x^{2}-1", "x^2-1"),
    ("5 minutes", r"5\text{ minutes}"),
]
DIFFERENT = [
    ("6", "5"),
    ("5", "-5"),
    ("1/2", "1/3"),
    ("9999.857142857143", r"10{,}000"),
    ("0.04999", "10"),
    ("0.0000001", "0.0000002"),
    (r"\frac{28}{3}", "4"),
    (r"1\frac{1}{9}", r"1\frac{1}{10}"),
    ("75", "0.75"),
    ("30%", "25%"),
    (r"\$100,000", "25000"),
    ("A", "B"),
    ("(A) 12", "B"),
    ("odd", "even"),
    ("Tom", "Evelyn"),
    ("1:00", "12:00"),
    (r"5\text{ or }6", "5"),
    ("1.8 billion", "2"),
    ("3 million", "3,000"),
    ("1202_7", "1200_{7}"),
    ("-12", "12"),
    ("0", "10"),
    ("(A) and (C)", "A"),
    ("43 minutes", "91"),
    (r"6 \text{ feet}", "18"),
    (r"80", r"75^\circ"),
    (r"\text{No solution}", "3"),
    ("(K)", "A"),  # letters for quantities: a choice is one of ten
    ("2250", r"\text{east}"),
    ("161 minutes", r"162\text{ minutes}"),
    ("none", "3"),
    (r"\frac{y^2}{9} - x^2 = 1", r"\text{(E)}"),
    ("John has 180 minutes to nap", "100"),
    ("that there are **6** such numbers", "7"),
    ("10+John's age", "50"),
]
UNDECIDED = [
    ("0.333333", "1/3"),  # rounded: math-verify's six decimals decide
    ("1, 234", "1234"),  # a list, or careless spacing
    ("100, 200", "100,200"),
    ("2 pi", "2"),
    (r"2\text{ thousand}", "2"),
    (r"5\text{ cm}", r"5\text{ m}"),
    (r"60^\circ", r"\frac{\pi}{3}"),
    ("0.5%", "0.5"),
    ("0.64N", "0.64"),
    ("five", "5"),
    ("0", "none"),
    ("2", "two"),
    ("5 minutes", r"5\text{ hours}"),
    ("the fifth of them", "(E)"),
    ("about 2 dozen", "24"),
    ("some 3 thousand", "300"),
    ("it is 180 minutes", "18"),  # a factor of ten may be a unit's
    ("4 red boxes and 6 blue ones", "10"),
    ("a total of 7 pears", "7"),
    ("3 million", "3000000"),
    ("3 million", "3"),
    ("101_2", "101"),
    ("1.50001", "1.5"),
    ("none", "0"),
    ("infinity", "oo"),
    (r"2\frac{5}{3}", "10/3"),  # improper: a product, or a slip
    ("1/0", "1"),
    ("3:12", "10:40"),  # ratios, or times
    ("1 000/2", "500"),
    (r"\sqrt{8}\text{ cm}", r"\sqrt{8}\text{ kg}"),
]


@pytest.mark.parametrize(("answer", "reference"), EQUAL)
def test_equal_spellings_are_equal(answer: str, reference: str) -> None:
    decision = compare_exactly(answer, reference)
    assert decision is not None
    assert decision.equal


@pytest.mark.parametrize(("answer", "reference"), DIFFERENT)
def test_different_values_are_different(answer: str, reference: str) -> None:
    decision = compare_exactly(answer, reference)
    assert decision is not None
    assert not decision.equal


@pytest.mark.parametrize(("answer", "reference"), UNDECIDED)
def test_what_is_not_certain_is_left_open(answer: str, reference: str) -> None:
    assert compare_exactly(answer, reference) is None


def spellings(n: int) -> list[str]:
    sign, digits = ("-" if n < 0 else ""), str(abs(n))
    return [
        str(n),
        f"{n:,}",
        f"{n:,}".replace(",", "{,}"),
        f"{n:,}".replace(",", r",\!"),
        f"{sign}{digits}.00",
        f"{sign}00{digits}",
        f"${n}$",
        rf"\({n}\)",
        rf"\boxed{{{n}}}",
        f" {n}. ",
        rf"{n}\text{{ apples}}",
        rf"{n}^\circ",
        rf"\frac{{{2 * n}}}{{2}}",
        f"{sign}\\${digits}",
        f"{sign}{digits}e0",
        rf"{n} \times 10^0",
    ]


@given(st.integers(-(10**12), 10**12), st.data())
def test_an_integer_equals_itself_in_every_spelling(n: int, data: st.DataObject) -> None:
    spelling = data.draw(st.sampled_from(spellings(n)))
    decision = compare_exactly(spelling, str(n))
    assert decision is not None
    assert decision.equal


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_integers_are_told_apart(a: int, b: int) -> None:
    for spelling in spellings(a)[:10]:
        decision = compare_exactly(spelling, str(b))
        assert decision is not None
        assert decision.equal == (a == b)


numbers = st.one_of(
    st.integers(-1000, 1000).map(str),
    st.decimals(-1000, 1000, places=2).map(str),
    st.tuples(st.integers(-50, 50), st.integers(1, 9)).map(lambda f: f"\\frac{{{f[0]}}}{{{f[1]}}}"),
    st.integers(0, 100).map(lambda n: f"{n}\\%"),
)


@given(numbers, numbers)
def test_comparing_numbers_is_symmetric(a: str, b: str) -> None:
    assert compare_exactly(a, b) == compare_exactly(b, a)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_are_survived(a: str, b: str) -> None:
    compare_exactly(a, b)
