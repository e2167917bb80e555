import random
import re

import pytest

from prmkit.judging.parse import parse_verdict
from prmkit.judging.prompt import judge_prompt
from prmkit.records import Outcome, Solution
from prmkit.synthetic.examples import (
    hinted,
    judge_case,
    judge_example,
)
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


def test_a_judge_writes_each_step_as_it_should_be_and_stops_at_the_first_wrong_one() -> None:
    rng, written, taught = random.Random(3), set[bool](), 0
    for _ in range(60):
        text = "".join(s.text for s in judge_example(rng, 1.0))
        user, answer = text.split("<|im_end|>\n<|im_start|>assistant\n")
        n_steps = user.count("</paragraph_")
        first = parse_verdict(answer, n_steps).first_error
        words = re.findall(r"^\d+ (right|wrong)$", answer, re.MULTILINE)
        n_right = n_steps if first is None else first
        assert words == ["right"] * n_right + ["wrong"] * (first is not None)
        for index, step in enumerate(re.findall(r">(.*)</paragraph_", user)[:n_right]):
            assert f"{step}\n{index} right\n" in answer
            taught += 1
        written.add(first is None)
    assert written == {True, False}
    assert taught > 100


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
    ("due", "said", "parts"),
    [
        ("By b) Bob has 5 more", "By b) Bob has 5 more", [("By b) Bob has 5 more", " right")]),
        (
            "By b) Bob has 5 more.",
            "By b) Bill has 5 more.",
            [("By b)", " right"), (" Bob has 5 more.", " wrong")],
        ),
        ("1+2=34.", "1+2=3.", [("1+2=3", " right"), ("4.", " wrong")]),
        ("1+2=3.", "1+2=34.", [("1+2=3", " right"), (".", " wrong")]),
        ("By x) Bob", "By b) Bob", [("By", " right"), (" x) Bob", " wrong")]),
        ("", "So 3", []),
    ],
)
def test_a_text_agrees_up_to_the_word_that_says_something_else(
    due: str, said: str, parts: list[tuple[str, str]]
) -> None:
    assert [(s.text, s.hint) for s in hinted(due, said)] == parts
