"""The oracle is the ground truth of the synthetic world, so it is tested hardest."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.errors import DataError
from prmkit.records import Problem
from prmkit.synthetic.corrupt import CORRUPTIONS, corrupt, corrupt_form
from prmkit.synthetic.examples import right_variant
from prmkit.synthetic.language import gold_claims, gold_steps, step_text
from prmkit.synthetic.oracle import FirstError, first_error, prefix_error, world_of
from prmkit.synthetic.problems import to_problem
from prmkit.synthetic.world import ANSWER_KINDS, Difficulty, Given, Relation, World, make_world

ANY = Difficulty(operations=(2, 8), distractors=(0, 5), shuffled=0.5, largest=150, remainder=0.2)
seeds = st.integers(min_value=0, max_value=2**32)


def any_world(seed: int) -> tuple[random.Random, World]:
    rng = random.Random(seed)
    return rng, make_world(rng, ANY)


@given(seeds)
def test_a_rendered_gold_solution_is_right(seed: int) -> None:
    _, world = any_world(seed)
    assert first_error(world, gold_steps(world)) is None


@given(seeds)
def test_reordering_swapping_and_true_asides_stay_right(seed: int) -> None:
    rng, world = any_world(seed)
    assert first_error(world, [step_text(c) for c in right_variant(rng, world)]) is None


@given(seeds, st.sampled_from(sorted(CORRUPTIONS)), st.integers(min_value=0, max_value=20))
def test_each_corruption_is_found_at_its_own_step_as_what_it_is(
    seed: int, name: str, place: int
) -> None:
    rng, world = any_world(seed)
    claims = right_variant(rng, world)
    made = corrupt(rng, world, claims, name, place % len(claims))
    if made is not None:
        assert first_error(world, made.steps) == FirstError(made.first_error, made.kind)


@pytest.mark.parametrize("name", sorted(CORRUPTIONS))
def test_each_corruption_can_be_made(name: str) -> None:
    rng = random.Random(f"makes/{name}")
    made = 0
    for _ in range(60):
        world = make_world(rng, ANY)
        claims = gold_claims(world)
        made += corrupt(rng, world, claims, name, rng.randrange(len(claims))) is not None
    assert made >= 5


@given(seeds)
def test_errors_of_form_are_found_at_their_own_step(seed: int) -> None:
    rng, world = any_world(seed)
    made = corrupt_form(rng, right_variant(rng, world))
    assert first_error(world, made.steps) == FirstError(made.first_error, made.kind)


@given(seeds, st.lists(st.text(max_size=60), min_size=1, max_size=6))
def test_any_text_at_all_is_judged_without_raising(seed: int, texts: list[str]) -> None:
    _, world = any_world(seed)
    found = first_error(world, texts)
    assert found is not None  # random text never is a whole right solution
    assert 0 <= found.step < len(texts)


@given(seeds)
def test_every_proper_prefix_of_a_right_solution_is_right_so_far_yet_lacks_its_answer(
    seed: int,
) -> None:
    _, world = any_world(seed)
    steps = gold_steps(world)
    for n in range(1, len(steps)):
        assert prefix_error(world, steps[:n]) is None
        assert first_error(world, steps[:n]) == FirstError(n - 1, "missing_answer")


# Ana 10; Bob = Ana + 5 = 15; Cleo = 3 * Bob = 45; Dan = Ana + Cleo = 55; Eva = Dan mod 7 = 6;
# Finn = Dan - 20 = 35 (asked); Gia 4 (not needed); Eva is not needed either.
WORLD = World(
    item="coins",
    statements=(
        Given(name="Ana", value=10),
        Relation(name="Bob", operation="add", sources=("Ana",), number=5),
        Relation(name="Cleo", operation="multiply", sources=("Bob",), number=3),
        Given(name="Gia", value=4),
        Relation(name="Dan", operation="sum", sources=("Ana", "Cleo")),
        Relation(name="Eva", operation="remainder", sources=("Dan",), number=7),
        Relation(name="Finn", operation="subtract", sources=("Dan",), number=20),
    ),
    kind="parity",
    targets=("Finn",),
)
BOB = "By b) Bob has 5 more than Ana: Ana owns 10, 10+5=15, so Bob owns 15."
CLEO = "By c) Cleo has 3 times as many as Bob: Bob owns 15, 15*3=45, so Cleo owns 45."
DAN = "By e) Dan has as many as Ana and Cleo: Ana owns 10, Cleo owns 45, 10+45=55, so Dan owns 55."
EVA = "By f) Eva has the rest of Dan by 7: Dan owns 55, 55 mod 7=6, so Eva owns 6."
FINN = "By g) Finn has 20 fewer than Dan: Dan owns 55, 55-20=35, so Finn owns 35."
END = "So Finn owns 35, and the answer is \\boxed{odd}."

TABLE: list[tuple[str, list[str], tuple[int, str] | None]] = [
    ("usual", [BOB, CLEO, DAN, FINN, END], None),
    ("true aside", [BOB, CLEO, DAN, EVA, FINN, END], None),
    ("said twice", [BOB, BOB, CLEO, DAN, FINN, END], None),
    ("spaces around", [f"  {BOB}\n", CLEO, DAN, FINN, END], None),
    ("swapped sum", [BOB, CLEO, DAN.replace("10+45", "45+10"), FINN, END], None),
    ("swapped names", [BOB, CLEO, "By e) Dan has as many as Cleo and Ana: Cleo owns 45, Ana owns "
     "10, 10+45=55, so Dan owns 55.", FINN, END], None),
    ("swapped product", [BOB, CLEO.replace("15*3", "3*15"), DAN, FINN, END], None),
    ("swapped difference", [BOB, CLEO, DAN, FINN.replace("55-20", "20-55")],
     (3, "wrong_operand")),
    ("wrong sum", [BOB.replace("15", "16"), CLEO, DAN, FINN, END], (0, "wrong_arithmetic")),
    ("wrong result, right answer", [BOB, CLEO, DAN.replace("55", "57"),
     FINN.replace("55", "57").replace("35", "37"), END.replace("35", "37")],
     (2, "wrong_arithmetic")),
    ("wrong conclusion", [BOB.replace("owns 15", "owns 16"), CLEO, DAN, FINN, END],
     (0, "wrong_arithmetic")),
    ("wrong constant", [BOB.replace("5 more", "6 more").replace("+5=15", "+6=16")],
     (0, "wrong_operand")),
    ("constant differs in equation", [BOB.replace("+5=15", "+6=16").replace("s 15", "s 16")],
     (0, "wrong_operand")),
    ("wrong source", ["By b) Bob has 5 more than Gia: Gia owns 4, 4+5=9, so Bob owns 9."],
     (0, "wrong_operand")),
    ("wrong value of source", [BOB, CLEO.replace("15", "10").replace("45", "30")],
     (1, "wrong_operand")),
    ("value stated wrongly", [BOB, CLEO.replace("owns 15", "owns 10")], (1, "wrong_operand")),
    ("value stated rightly, used wrongly", [BOB, CLEO.replace("15*3=45", "10*3=30")
     .replace("owns 45", "owns 30")], (1, "wrong_operand")),
    ("another's fact", [BOB, CLEO.replace("c)", "b)")], (1, "wrong_fact")),
    ("a fact that is not there", [BOB.replace("b)", "x)")], (0, "wrong_fact")),
    ("wrong operation in words", ["By b) Bob has 5 fewer than Ana: Ana owns 10, 10-5=5, so Bob "
     "owns 5."], (0, "wrong_operation")),
    ("wrong operation in equation", [BOB.replace("10+5=15", "10-5=5").replace("s 15", "s 5")],
     (0, "wrong_operation")),
    ("derives a given", ["By d) Gia has 5 more than Ana: Ana owns 10, 10+5=15, so Gia owns 15."],
     (0, "wrong_operation")),
    ("skips a step", [CLEO], (0, "not_yet_derived")),
    ("answers at once", [END], (0, "not_yet_derived")),
    ("unknown source", [BOB.replace("Ana", "Zoe")], (0, "unknown_quantity")),
    ("unknown person", [BOB.replace("Bob", "Zoe")], (0, "unknown_quantity")),
    ("unneeded but wrong", [BOB, CLEO, DAN, EVA.replace("=6", "=5").replace("s 6", "s 5"), FINN,
     END], (3, "wrong_arithmetic")),
    ("division by nothing", [BOB, CLEO, DAN, "By f) Eva has the rest of Dan by 0: Dan owns 55, "
     "55 mod 0=0, so Eva owns 0."], (3, "wrong_operand")),
    ("wrong answer", [BOB, CLEO, DAN, FINN, END.replace("odd", "even")], (4, "wrong_answer")),
    ("answer of another", [BOB, CLEO, DAN, FINN, "So Dan owns 55, and the answer is \\boxed{odd}."],
     (4, "wrong_operand")),
    ("answer of a stranger", [BOB, "So Zoe owns 55, and the answer is \\boxed{odd}."],
     (1, "unknown_quantity")),
    ("restated wrongly", [BOB, CLEO, DAN, FINN, END.replace("35", "37")], (4, "wrong_operand")),
    ("no answer", [BOB, CLEO, DAN, FINN], (3, "missing_answer")),
    ("goes on after the answer", [BOB, CLEO, DAN, FINN, END, BOB], (5, "after_answer")),
    ("speaks of another than it derives", [BOB.replace("so Bob", "so Cleo")], (0, "unparsable")),
    ("states another than its source", [BOB.replace("Ana owns", "Gia owns")], (0, "unparsable")),
    ("prose", ["Let us think."], (0, "unparsable")),
    ("empty step", [""], (0, "unparsable")),
    ("huge step", [BOB + " " * 10_000], (0, "unparsable")),
    ("two steps in one", [f"{BOB} {CLEO}"], (0, "unparsable")),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "expected"), [row[1:] for row in TABLE],
                         ids=[row[0] for row in TABLE])  # fmt: skip
def test_hand_written_table(steps: list[str], expected: tuple[int, str] | None) -> None:
    assert first_error(WORLD, steps) == expected


def test_who_has_most_may_list_its_people_in_any_order() -> None:
    # Ana 10, Bob 15, Gia 4: Bob has most
    world = WORLD.model_copy(update={"kind": "who", "targets": ("Ana", "Bob", "Gia")})
    end = "So Gia owns 4, Ana owns 10 and Bob owns 15, and the answer is \\boxed{Bob}."
    assert first_error(world, [BOB, end]) is None
    assert first_error(world, [BOB, end.replace("{Bob}", "{Ana}")]) == (1, "wrong_answer")
    assert first_error(world, [BOB, end.replace("Gia owns 4, ", "")]) == (1, "wrong_operand")


def test_a_solution_without_steps_is_refused_not_judged() -> None:
    with pytest.raises(DataError, match="without steps"):
        first_error(WORLD, [])


def test_truth_travels_in_the_problem_record() -> None:
    assert world_of(to_problem(WORLD, "p", "easy")) == WORLD


def test_a_problem_without_truth_is_named() -> None:
    problem = Problem(problem_id="gsm8k-1", question="How many?", answer="4")
    with pytest.raises(DataError, match="gsm8k-1: no spec"):
        world_of(problem)


def test_all_answer_kinds_are_drawn() -> None:
    rng = random.Random(5)
    assert {make_world(rng, ANY).kind for _ in range(60)} == set(ANSWER_KINDS)


def test_a_remainder_by_zero_is_no_right_step_even_of_a_world_that_says_so() -> None:
    broken = World(
        item="coins",
        statements=(
            Given(name="Ana", value=10),
            Relation(name="Bob", operation="remainder", sources=("Ana",), number=0),
        ),
        kind="free",
        targets=("Bob",),
    )
    step = "By b) Bob has the rest of Ana by 0: Ana owns 10, 10 mod 0=0, so Bob owns 0."
    assert first_error(broken, [step]) == FirstError(0, "wrong_operand")
