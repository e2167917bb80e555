import random
import re
from itertools import pairwise

import pytest

from prmkit.judging.parse import parse_verdict
from prmkit.judging.prompt import judge_prompt
from prmkit.records import Outcome, Solution
from prmkit.synthetic.examples import judge_case, judge_example, shared_length
from prmkit.synthetic.language import Derivation, gold_claims, reading_order, step_text
from prmkit.synthetic.oracle import first_error, prefix_error
from prmkit.synthetic.problems import SPLITS, to_problem
from prmkit.synthetic.world import make_world


def test_the_judge_is_trained_on_the_very_prompt_that_it_is_asked_with() -> None:
    rng = random.Random(7)
    text = "".join(s.text for s in judge_example(rng, 1.0))
    user = text.removeprefix("<|im_start|>user\n").split("<|im_end|>")[0]
    question, tagged = user.split("\n\n", 1)
    steps = [line.split(">", 1)[1].rsplit("</", 1)[0] for line in tagged.split("\n")]
    problem = to_problem(make_world(rng, SPLITS["easy"]), "p", "easy")
    solution = Solution(
        solution_id="s",
        problem_id="p",
        policy="x",
        sample_index=0,
        steps=tuple(steps),
        outcome=Outcome.CORRECT,
    )
    asked = judge_prompt("compact", problem.model_copy(update={"question": question}), solution)
    assert asked == user


def test_a_judge_repeats_each_paragraph_with_a_verdict_up_to_the_first_wrong_one() -> None:
    rng, seen = random.Random(3), set[bool]()
    for _ in range(60):
        text = "".join(s.text for s in judge_example(rng, 1.0))
        user, answer = text.split("<|im_end|>\n<|im_start|>assistant\n")
        if not answer:  # it was cut after its first error
            continue
        n_steps = user.count("</paragraph_")
        first = parse_verdict(answer, n_steps).first_error
        lines = re.findall(r"^\d+>(.*) (right|wrong)$", answer, re.MULTILINE)
        words = [word for _, word in lines]
        paragraphs = re.findall(r"<paragraph_\d+>(.*)</paragraph_", user)
        assert [said for said, _ in lines] == paragraphs[: len(lines)]
        n_right = n_steps if first is None else first
        assert words == ["right"] * n_right + ["wrong"] * (first is not None)
        seen.add(first is None)
    assert seen == {True, False}


def test_a_paragraph_is_to_be_called_right_at_its_end_and_wrong_from_the_wrong_word_on() -> None:
    rng, n_wrong = random.Random(4), 0
    for _ in range(80):
        segments = judge_example(rng, 1.0)
        said = [s for s in segments if s.after in (" right", " wrong")]
        assert all(s.after == " right" for s in said[:-1])  # nothing is said after the first error
        if said[-1].after == " wrong":
            assert said[-1].throughout
            before = segments[segments.index(said[-1]) - 1]
            assert not before.after or not said[-1].text.startswith(before.after)
            n_wrong += 1
    assert n_wrong > 30


def test_words_out_of_place_are_told_from_what_stood_there() -> None:
    rng, n_spoiled = random.Random(6), 0
    for _ in range(40):
        segments = judge_example(rng, 0.5)
        for before, word in pairwise(segments):
            if word.throughout and before.text and word.weight and before.after_weight:
                assert before.after
                assert not before.after.startswith(word.text)
                n_spoiled += 1
    assert n_spoiled > 40


def test_a_third_of_judge_cases_are_right_and_labels_are_the_oracles() -> None:
    rng = random.Random(1)
    n_right = 0
    for _ in range(400):
        world = make_world(rng, SPLITS["medium"])
        case = judge_case(rng, world)
        error = first_error(world, case.steps)
        assert case.first_error == (None if error is None else error.step)
        n_right += case.first_error is None
    # binomial(400, 1/3): mean 133, standard deviation 9.4; five of them either way
    assert 86 <= n_right <= 180


def test_what_a_paragraph_should_have_said_is_right_in_its_place() -> None:
    rng = random.Random(2)
    n_due = 0
    for _ in range(300):
        world = make_world(rng, SPLITS["hard"])
        case = judge_case(rng, world)
        if case.first_error is None:
            assert case.due == case.steps
            continue
        *before, due = case.due
        assert before == case.steps[: case.first_error]
        if due:
            assert prefix_error(world, [*before, due]) is None
            n_due += 1
    assert n_due > 130  # two in three have an error, and most errors stand where a step was due


@pytest.mark.parametrize(
    ("due", "said", "shared"),
    [
        ("By b) Bob has 5 more", "By b) Bob has 5 more", "By b) Bob has 5"),
        ("By b) Bob has 5 more.", "By b) Bill has 5 more.", "By b)"),
        ("1+2=34.", "1+2=3.", "1+2=3"),
        ("1+2=3.", "1+2=34.", "1+2=3"),
        ("By x) Bob", "By b) Bob", "By"),
        ("", "So 3", ""),
    ],
)
def test_texts_agree_up_to_the_word_that_says_something_else(
    due: str, said: str, shared: str
) -> None:
    assert said[: shared_length(due, said)] == shared


def test_a_policy_derives_in_reading_order_until_the_question_is_answered() -> None:
    rng = random.Random(8)
    for _ in range(50):
        world = make_world(rng, SPLITS["hard"])
        claims = gold_claims(world, reading_order(world))
        assert first_error(world, [step_text(c) for c in claims]) is None
        names = [c.name for c in claims if isinstance(c, Derivation)]
        assert world.needed() <= set(names)
        assert not names or names[-1] in world.targets
