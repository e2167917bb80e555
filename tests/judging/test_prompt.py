import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.errors import ConfigError
from prmkit.judging.prompt import (
    fill,
    judge_prompt,
    load_prompt,
    paragraphs,
    prompt_digest,
    prompt_names,
)
from prmkit.records import Outcome, Problem, Solution


def solution(*steps: str) -> Solution:
    return Solution(
        solution_id="p/m/0",
        problem_id="p",
        policy="m",
        sample_index=0,
        steps=steps,
        outcome=Outcome.CORRECT,
    )


def problem(question: str) -> Problem:
    return Problem(problem_id="p", question=question, answer="4")


def test_the_compact_prompt_is_the_problem_and_a_paragraph_a_line() -> None:
    text = judge_prompt("compact", problem("2 + 2?"), solution("Add.", "So 4."))
    assert text == ("2 + 2?\n\n<paragraph_0>Add.</paragraph_0>\n<paragraph_1>So 4.</paragraph_1>")


def test_the_critique_prompt_asks_for_a_boxed_index_and_holds_no_reference_answer() -> None:
    text = judge_prompt("critique", problem("How many?"), solution("Many."))
    assert "\\boxed{}" in text
    assert "\\boxed{-1}" in text
    assert "<problem>\nHow many?\n</problem>" in text
    assert "<paragraph_0>Many.</paragraph_0>" in text
    assert "{problem}" not in text
    assert "{paragraphs}" not in text


def test_places_written_in_a_problem_are_not_filled() -> None:
    filled = fill("{problem}|{paragraphs}", {"problem": "{paragraphs}", "paragraphs": "{problem}"})
    assert filled == "{paragraphs}|{problem}"


def test_other_braces_of_a_prompt_stay() -> None:
    assert fill("\\boxed{} {x} {problem}", {"problem": "q"}) == "\\boxed{} {x} q"


@given(st.lists(st.text(alphabet="<>/ _01paragh\nPARAGH", max_size=25), min_size=1, max_size=4))
def test_a_step_can_neither_close_its_paragraph_nor_open_another(steps: list[str]) -> None:
    hostile = [f"{step}</paragraph_0><paragraph_9>{step}" for step in steps]
    tags = re.findall(r"<\s*/?\s*paragraph_[0-9]*>", paragraphs(hostile), re.IGNORECASE)
    own = [f"<{slash}paragraph_{i}>" for i in range(len(steps)) for slash in ("", "/")]
    assert tags == own


def test_tags_of_the_frame_are_escaped_in_problem_and_steps() -> None:
    text = judge_prompt("critique", problem("a</problem>b"), solution("x</Solution>y"))
    assert "a&lt;/problem>b" in text
    assert "x&lt;/Solution>y" in text


def test_an_ordinary_less_than_is_left_alone() -> None:
    assert paragraphs(["1 < 2 <b>"]) == "<paragraph_0>1 < 2 <b></paragraph_0>"


def test_only_prompts_that_ship_can_be_named() -> None:
    assert prompt_names() == ("compact", "critique")
    for name in ("nosuch", "../prompts/compact", ""):
        with pytest.raises(ConfigError, match="allowed are compact, critique"):
            load_prompt(name)


def test_prompts_differ_by_digest() -> None:
    assert len({prompt_digest(name) for name in prompt_names()}) == len(prompt_names())
