import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.synthetic.examples import right_variant
from prmkit.synthetic.language import (
    Derivation,
    Final,
    labels,
    parse_step,
    question_text,
    step_text,
)
from prmkit.synthetic.world import Difficulty, make_world

ANY = Difficulty(operations=(2, 8), distractors=(0, 5), shuffled=0.5, largest=150, remainder=0.3)


@given(st.integers(min_value=0, max_value=2**32))
def test_what_is_rendered_parses_back(seed: int) -> None:
    rng = random.Random(seed)
    for claim in right_variant(rng, make_world(rng, ANY)):
        assert parse_step(step_text(claim)) == claim


@given(st.integers(min_value=0, max_value=2**32))
def test_every_person_has_a_fact_of_their_own_with_a_letter_in_text_order(seed: int) -> None:
    world = make_world(random.Random(seed), ANY)
    letters = labels(world)
    assert letters.keys() == world.values().keys()
    assert list(letters.values()) == list(string.ascii_lowercase[: len(letters)])
    text = question_text(world)
    places = [text.index(f" {letter}) ") for letter in letters.values()]
    assert places == sorted(places)


BOB = "By c) Bob has 17 more than Gia: Gia owns 26, 26+17=43, so Bob owns 43."


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        (BOB, Derivation("c", "Bob", "add", ("Gia",), 17, "+", (26, 17), 43)),
        (
            "By c) Bob has 17 fewer than Gia: Gia owns 26, 26-17=-9, so Bob owns -9.",
            Derivation("c", "Bob", "subtract", ("Gia",), 17, "-", (26, 17), -9),
        ),
        (
            "By c) Bob has the rest of Gia by 7: Gia owns 26, 26 mod 7=5, so Bob owns 5.",
            Derivation("c", "Bob", "remainder", ("Gia",), 7, "mod", (26, 7), 5),
        ),
        (
            "By c) Bob has as many as Gia and Leo: Gia owns 1, Leo owns 2, 1+2=3, so Bob owns 3.",
            Derivation("c", "Bob", "sum", ("Gia", "Leo"), 0, "+", (1, 2), 3),
        ),
        (
            BOB.replace("Gia owns 26", "Gia owns 25"),
            Derivation("c", "Bob", "add", ("Gia",), 17, "+", (26, 17), 43, stated=(25,)),
        ),
        (
            BOB.replace("Bob owns 43", "Bob owns 44"),
            Derivation("c", "Bob", "add", ("Gia",), 17, "+", (26, 17), 43, concluded=44),
        ),
        ("So Bob owns 3, and the answer is \\boxed{odd}.", Final((("Bob", 3),), "odd")),
        (
            "So Ana owns 1, Bob owns 3 and Leo owns 2, and the answer is \\boxed{Bob}.",
            Final((("Ana", 1), ("Bob", 3), ("Leo", 2)), "Bob"),
        ),
    ],
)
def test_steps_read_as_claimed(text: str, claim: Derivation | Final) -> None:
    assert parse_step(text) == claim
    assert step_text(claim) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        BOB[:-1],
        BOB.replace("26+17=43", "26 + 17 = 43"),
        BOB.replace("26+17", "26/17"),
        BOB.replace("=43", "=4 3"),
        BOB.replace("Bob", "bob"),
        BOB.replace("has 17", "has 99999999999999"),
        BOB.replace("By c)", "So"),
        BOB.replace("c)", "c"),
        BOB.replace("c)", "cd)"),
        BOB.replace("Gia owns", "Leo owns"),
        BOB.replace("so Bob", "so Leo"),
        "So Bob owns 3, and the answer is \\boxed{}.",
        "So the answer is \\boxed{odd}.",
        "Bob owns 3 and so the answer is \\boxed{odd}.",
    ],
)
def test_what_is_not_a_step_is_not_read_as_one(text: str) -> None:
    assert parse_step(text) is None
