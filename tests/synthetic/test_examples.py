import random
import re
from itertools import pairwise

import pytest

from prmkit.judging.parse import parse_verdict
from prmkit.judging.prompt import judge_prompt
from prmkit.records import Outcome, Solution
from prmkit.synthetic.examples import Segment, State, judge_case, judge_example, shared_length
from prmkit.synthetic.language import (
    Derivation,
    gold_claims,
    question_text,
    reading_order,
    step_text,
)
from prmkit.synthetic.oracle import first_error, prefix_error
from prmkit.synthetic.problems import SPLITS, to_problem
from prmkit.synthetic.tokenizer import build_tokenizer
from prmkit.synthetic.world import make_world

TOKENIZER = build_tokenizer()


def text_of(segments: list[Segment]) -> str:
    return "".join(s.text for s in segments)


def test_the_judge_is_trained_on_the_very_prompt_that_it_is_asked_with() -> None:
    rng = random.Random(7)
    text = text_of(judge_example(rng, 1.0).read)
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


@pytest.mark.parametrize("progress", [0.5, 1.0])  # with words out of place, and without
def test_a_judge_gives_each_paragraph_a_verdict_up_to_the_first_wrong_one(progress: float) -> None:
    rng, seen = random.Random(3), set[bool]()
    for _ in range(60):
        example = judge_example(rng, progress)
        n_steps = text_of(example.read).count("</paragraph_")
        answer = text_of(example.said).removesuffix("<|im_end|>")
        first = parse_verdict(answer, n_steps).first_error
        n_right = n_steps if first is None else first
        lines = [f"{index} right" for index in range(n_right)]
        lines += [] if first is None else [f"{first} wrong"]
        boxed = -1 if first is None else first
        assert answer == "\n".join([*lines, f"\\boxed{{{boxed}}}"])
        seen.add(first is None)
    assert seen == {True, False}


def paragraphs_of(read: list[Segment]) -> list[list[Segment]]:
    """The pieces between the tags, closing tags included."""
    found: list[list[Segment]] = []
    for segment in read:
        if re.fullmatch(r"<paragraph_\d+>", segment.text):
            found.append([])
        elif found:
            found[-1].append(segment)
    return found


def test_a_paragraph_is_right_up_to_its_first_wrong_word_and_nothing_is_known_after_it() -> None:
    rng, n_wrong = random.Random(4), 0
    for _ in range(80):
        states = [
            [s.state for s in pieces] for pieces in paragraphs_of(judge_example(rng, 1.0).read)
        ]
        wrong = [index for index, of_one in enumerate(states) if State.WRONG in of_one]
        assert len(wrong) <= 1
        for index, of_one in enumerate(states):
            *words, closing, line_end = of_one
            gone = bool(wrong) and index >= wrong[0]
            assert line_end is (State.UNKNOWN if gone else State.QUIET)
            if not wrong or index < wrong[0]:
                assert {*words, closing} == {State.RIGHT}
            elif index == wrong[0]:
                assert (words[-1], closing) == (State.WRONG, State.SPOILT)
                assert words.count(State.WRONG) == 1
            else:
                assert {*words, closing} == {State.UNKNOWN}
        n_wrong += len(wrong)
    assert n_wrong > 30


@pytest.mark.parametrize("progress", [0.5, 1.0])
def test_what_was_due_differs_from_the_wrong_word_in_its_place(progress: float) -> None:
    rng, n_due = random.Random(6), 0
    for _ in range(60):
        for before, word in pairwise(judge_example(rng, progress).read):
            if word.state is State.WRONG and before.due:
                assert not word.text.startswith(before.due)
                assert before.due_weight
                n_due += 1
    assert n_due > 30


def test_a_step_that_comes_too_soon_goes_wrong_where_it_says_what_nobody_knows() -> None:
    rng, n_too_soon = random.Random(12), 0
    for _ in range(600):
        world = make_world(rng, SPLITS["hard"])
        case = judge_case(rng, world)
        if not case.n_credible:
            continue
        assert case.first_error is not None
        step = case.steps[case.first_error]
        said = re.search(r"([A-Z][a-z]+) owns $", step[: case.n_credible])
        assert said is not None
        before = " ".join([question_text(world), *case.steps[: case.first_error]])
        assert f"{said.group(1)} owns" not in before
        assert f"bag of {said.group(1)}" not in before
        n_too_soon += 1
    assert n_too_soon > 10


def test_of_a_paragraph_that_stops_too_soon_the_closing_tag_is_wrong() -> None:
    assert shared_length("So Bob owns 3, and the answer is", "So Bob owns 3, and") == 18
    assert shared_length("the answers", "the answer") == 3  # the word itself is another
    rng, n_short = random.Random(2), 0
    for _ in range(4000):
        read = judge_example(rng, 1.0).read
        for last, after in pairwise(read):
            if last.state is State.WRONG and not last.text:
                assert after.text.startswith("</paragraph_")
                assert after.state is State.WRONG
                n_short += 1
    assert n_short > 0


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
        ("By b) Bob has 5 more", "By b) Bob has 5 more", "By b) Bob has 5 more"),
        ("By b) Bob has 5 more.", "By b) Bill has 5 more.", "By b)"),
        ("1+2=34.", "1+2=3.", "1+2=3"),
        ("1+2=3.", "1+2=34.", "1+2=3"),
        ("By x) Bob", "By b) Bob", "By"),
        ("Bob owns 26, ", "Bob owns 62, ", "Bob owns "),
        ("Bob has 3 times", "Bob has as many", "Bob has"),
        ("", "So 3", ""),
    ],
)
def test_texts_agree_up_to_the_word_that_says_something_else(
    due: str, said: str, shared: str
) -> None:
    assert said[: shared_length(due, said)] == shared


def test_the_first_token_after_what_two_texts_share_differs() -> None:
    # a number's first digit, not the space before it, which is a token that both texts have
    rng, n_seen = random.Random(9), 0
    for _ in range(300):
        case = judge_case(rng, make_world(rng, SPLITS["hard"]))
        if case.first_error is None or not case.due[-1]:
            continue
        due, said = case.due[-1], case.steps[case.first_error]
        same = shared_length(due, said)
        if due != said and due[same:] and said[same:]:
            first = [TOKENIZER.encode(text[same:]).ids[0] for text in (due, said)]
            assert first[0] != first[1], (due, said)
            n_seen += 1
    assert n_seen > 130


def test_a_policy_derives_in_reading_order_until_the_question_is_answered() -> None:
    rng = random.Random(8)
    for _ in range(50):
        world = make_world(rng, SPLITS["hard"])
        claims = gold_claims(world, reading_order(world))
        assert first_error(world, [step_text(c) for c in claims]) is None
        names = [c.name for c in claims if isinstance(c, Derivation)]
        assert world.needed() <= set(names)
        assert not names or names[-1] in world.targets
