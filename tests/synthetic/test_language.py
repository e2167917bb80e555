import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.synthetic.examples import right_variant
from prmkit.synthetic.language import Derivation, Final, parse_step, step_text
from prmkit.synthetic.world import Difficulty, make_world

ANY = Difficulty(operations=(2, 8), distractors=(0, 5), shuffled=0.5, largest=150, remainder=0.3)


@given(st.integers(min_value=0, max_value=2**32))
def test_what_is_rendered_parses_back(seed: int) -> None:
    rng = random.Random(seed)
    for claim in right_variant(rng, make_world(rng, ANY)):
        assert parse_step(step_text(claim)) == claim


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        (
            "So Bob has 17 more than Gia: 26+17=43.",
            Derivation("Bob", "add", ("Gia",), 17, "+", (26, 17), 43),
        ),
        (
            "So Bob has 17 fewer than Gia: 26-17=-9.",
            Derivation("Bob", "subtract", ("Gia",), 17, "-", (26, 17), -9),
        ),
        (
            "So Bob has the rest of Gia by 7: 26 mod 7=5.",
            Derivation("Bob", "remainder", ("Gia",), 7, "mod", (26, 7), 5),
        ),
        (
            "So Bob has as many as Gia and Leo: 1+2=3.",
            Derivation("Bob", "sum", ("Gia", "Leo"), 0, "+", (1, 2), 3),
        ),
        ("So Bob has 3, and the answer is \\boxed{odd}.", Final((("Bob", 3),), "odd")),
        (
            "So Ana has 1, Bob has 3 and Leo has 2, and the answer is \\boxed{Bob}.",
            Final((("Ana", 1), ("Bob", 3), ("Leo", 2)), "Bob"),
        ),
    ],
)
def test_steps_read_as_claimed(text: str, claim: Derivation | Final) -> None:
    assert parse_step(text) == claim


@pytest.mark.parametrize(
    "text",
    [
        "",
        "So Bob has 17 more than Gia: 26+17=43",
        "So Bob has 17 more than Gia: 26 + 17 = 43.",
        "So Bob has 17 more than Gia: 26+17=4 3.",
        "bob has 17 more than Gia: 26+17=43.",
        "So Bob has 17 more than Gia: 26/17=43.",
        "So Bob has 99999999999999 more than Gia: 26+17=43.",
        "So Bob has 3, and the answer is \\boxed{}.",
        "So the answer is \\boxed{odd}.",
        "Bob has 3 and so the answer is \\boxed{odd}.",
    ],
)
def test_what_is_not_a_step_is_not_read_as_one(text: str) -> None:
    assert parse_step(text) is None
