import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.judging.parse import parse_verdict


@pytest.mark.parametrize(
    ("text", "first_error"),
    [
        ("\\boxed{2}", 2),
        ("all is well: \\boxed{-1}.", None),
        ("\\boxed{ 0 }", 0),
        ("first I thought \\boxed{1}, but no: $\\boxed{3}$", 3),  # the last one wins
        ("0 right\n1 wrong\n\\boxed{1}", 1),
        ("\\boxed {1}", 1),
    ],
)
def test_the_last_boxed_index_is_the_verdict(text: str, first_error: int | None) -> None:
    verdict = parse_verdict(text, 4)
    assert (verdict.first_error, verdict.unscored, verdict.text) == (first_error, "", text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_verdict"),
        ("paragraph 2 is wrong", "no_verdict"),
        ("\\boxed{}", "not_an_integer"),
        ("\\boxed{paragraph_2}", "not_an_integer"),
        ("\\boxed{1.0}", "not_an_integer"),
        ("\\boxed{1, 2}", "not_an_integer"),
        ("\\boxed{2", "not_an_integer"),
        ("\\boxed{٢}", "not_an_integer"),  # an Arabic 2: int() would take it
        ("\\boxed{1} and the sum is \\boxed{\\frac{1}{2}}", "not_an_integer"),
        ("\\boxed{4}", "out_of_range"),  # four steps: 0 to 3
        ("\\boxed{-2}", "out_of_range"),
        ("\\boxed{" + "9" * 5000 + "}", "out_of_range"),
        ("\\boxed{-" + "9" * 5000 + "}", "out_of_range"),
    ],
)
def test_what_cannot_be_read_is_unscored_with_the_reason(text: str, reason: str) -> None:
    verdict = parse_verdict(text, 4)
    assert (verdict.first_error, verdict.unscored, verdict.text) == (None, reason, text)


@given(st.text(alphabet="\\boxed{} -0123456789x", max_size=40), st.integers(1, 5))
def test_a_readable_verdict_is_always_one_of_the_steps_or_none(text: str, n_steps: int) -> None:
    verdict = parse_verdict(text, n_steps)
    assert verdict.first_error is None or 0 <= verdict.first_error < n_steps
