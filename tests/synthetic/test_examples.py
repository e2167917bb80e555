import random

import pytest

from prmkit.judging.parse import parse_verdict
from prmkit.judging.prompt import judge_prompt
from prmkit.records import Outcome, Solution
from prmkit.synthetic.examples import JudgeCase, judge_case, judge_example, verdict_text
from prmkit.synthetic.oracle import first_error
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


@pytest.mark.parametrize(
    ("case", "text"),
    [
        (JudgeCase(["a", "b"], None), "0 right\n1 right\n\\boxed{-1}"),
        (JudgeCase(["a", "b", "c"], 1), "0 right\n1 wrong\n\\boxed{1}"),
    ],
)
def test_a_verdict_stops_at_the_first_wrong_paragraph(case: JudgeCase, text: str) -> None:
    assert verdict_text(case) == text
    assert parse_verdict(text, len(case.steps)).first_error == case.first_error


def test_about_two_in_five_judge_cases_are_right_and_labels_are_the_oracles() -> None:
    rng = random.Random(1)
    n_right = 0
    for _ in range(400):
        world = make_world(rng, SPLITS["medium"])
        case = judge_case(rng, world)
        error = first_error(world, case.steps)
        assert case.first_error == (None if error is None else error.step)
        n_right += case.first_error is None
    # binomial(400, 0.4): mean 160, standard deviation 9.8; five of them either way
    assert 111 <= n_right <= 209
