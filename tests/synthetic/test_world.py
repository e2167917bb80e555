import random

from hypothesis import given
from hypothesis import strategies as st

from prmkit.synthetic.language import gold_claims, question_text
from prmkit.synthetic.problems import SPLITS, content_hash, make_parts
from prmkit.synthetic.world import (
    LETTERS,
    Difficulty,
    Given,
    Relation,
    World,
    answer_of,
    make_world,
)

seeds = st.integers(min_value=0, max_value=2**32)


@given(seeds, st.sampled_from(sorted(SPLITS)))
def test_a_world_keeps_to_its_split(seed: int, split: str) -> None:
    difficulty = SPLITS[split]
    world = make_world(random.Random(seed), difficulty)
    assert difficulty.operations[0] <= len(world.needed()) <= difficulty.operations[1]
    values = world.values().values()
    assert min(values) >= 1
    assert max(values) <= difficulty.largest


@given(seeds)
def test_the_question_needs_exactly_the_operations_of_its_gold_solution(seed: int) -> None:
    world = make_world(random.Random(seed), SPLITS["hard"])
    assert len(gold_claims(world)) == len(world.needed()) + 1


def test_values_follow_statements_in_any_order() -> None:
    # Cleo = 2 * Bob, Bob = Ana - 3, Ana 10: Bob 7, Cleo 14
    world = World(
        item="pens",
        statements=(
            Relation(name="Cleo", operation="multiply", sources=("Bob",), number=2),
            Relation(name="Bob", operation="subtract", sources=("Ana",), number=3),
            Given(name="Ana", value=10),
        ),
        kind="last_digit",
        targets=("Cleo",),
    )
    assert world.values() == {"Ana": 10, "Bob": 7, "Cleo": 14}
    assert world.answer() == "4"


def test_a_choice_that_is_not_on_offer_has_no_letter() -> None:
    world = World(
        item="pens",
        statements=(Given(name="Ana", value=10),),
        kind="choice",
        targets=("Ana",),
        choices=(9, 10, 11, 20),
    )
    assert world.answer() == LETTERS[1] == "B"
    assert answer_of(world, {"Ana": 12}) == "?"


def test_all_relations_have_several_phrasings() -> None:
    world = World(
        item="pens",
        statements=(
            Given(name="Ana", value=10),
            Relation(name="Bob", operation="add", sources=("Ana",), number=3),
        ),
        kind="free",
        targets=("Bob",),
    )
    texts = {
        question_text(world.model_copy(update={"statements": (world.statements[0], reworded)}))
        for phrasing in range(3)
        for reworded in [world.statements[1].model_copy(update={"phrasing": phrasing})]
    }
    assert len(texts) == 3


def test_parts_never_share_a_problem() -> None:
    # small ranges collide often, so this fails at once without the check by content hash
    parts = make_parts(3, {"train": 300, "validation": 100, "process": 100, "best_of_n": 100})
    digests = [content_hash(p.question) for problems in parts.values() for p in problems]
    assert len(digests) == 4 * (300 + 100 + 100 + 100)
    assert len(set(digests)) == len(digests)


def test_names_run_out_before_distractors_do() -> None:
    many = Difficulty(operations=(2, 2), distractors=(200, 200), shuffled=0.0, largest=99)
    world = make_world(random.Random(0), many, "free")
    names = [statement.name for statement in world.statements]
    assert len(names) == len(set(names)) < 200


def test_parts_depend_on_the_seed_alone() -> None:
    sizes = {"train": 3}
    assert make_parts(1, sizes) == make_parts(1, sizes)
    assert make_parts(1, sizes) != make_parts(2, sizes)


def test_shuffled_statements_may_come_before_what_they_rest_on() -> None:
    difficulty = Difficulty(operations=(5, 6), distractors=(0, 0), shuffled=1.0, largest=99)
    rng = random.Random(0)

    def in_usable_order(world: World) -> bool:
        known = set[str]()
        for statement in world.statements:
            if isinstance(statement, Relation) and not known.issuperset(statement.sources):
                return False
            known.add(statement.name)
        return True

    assert not all(in_usable_order(make_world(rng, difficulty)) for _ in range(20))
