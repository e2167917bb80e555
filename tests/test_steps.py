import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.errors import DataError
from prmkit.records import Outcome, Problem, Solution
from prmkit.steps import join_steps, label_steps, prefix_text, split_exact, split_steps

TEXTS = st.text(alphabet="ab \n\t\r", max_size=30)

PROBLEM = Problem(problem_id="p", question="2 + 2?", answer="4")
SOLUTION = Solution(
    solution_id="p/m/0",
    problem_id="p",
    policy="m",
    sample_index=0,
    steps=("one", "two", "three"),
    outcome=Outcome.CORRECT,
)


def test_a_blank_line_ends_a_step_and_a_line_break_does_not() -> None:
    assert split_steps("First.\nStill first.\n\nSecond.") == ("First.\nStill first.", "Second.")


def test_blank_paragraphs_are_no_steps() -> None:
    assert split_steps("\n\n\n a\n\n \n\n\n\nb\n\n") == ("a", "b")
    assert split_steps(" \n\n\n") == ()
    assert split_steps("") == ()


def test_exact_pieces_keep_every_character_of_the_text() -> None:
    assert split_exact("\n\na\n\n\n\nb\n") == ("\n\na\n\n\n\n", "b\n")
    assert split_exact("") == ()


@given(TEXTS, st.sampled_from(["\n\n", "\n"]))
def test_exact_pieces_join_to_the_text_and_strip_to_the_steps(text: str, delimiter: str) -> None:
    pieces = split_exact(text, delimiter)
    assert "".join(pieces) == text
    if text.strip():
        assert tuple(piece.strip() for piece in pieces) == split_steps(text, delimiter)


@given(TEXTS, st.sampled_from(["\n\n", "\n"]))
def test_joined_steps_split_into_the_same_steps(text: str, delimiter: str) -> None:
    steps = split_steps(text, delimiter)
    assert split_steps(join_steps(steps, delimiter), delimiter) == steps


def test_a_prefix_ends_where_the_next_paragraph_begins() -> None:
    assert prefix_text(["a", "b", "c"], 2) == "a\n\nb\n\n"
    assert prefix_text(["a"], 0) == ""
    with pytest.raises(ValueError, match="prefix of 2 steps"):
        prefix_text(["a"], 2)


def test_labels_end_with_the_first_error() -> None:
    labelled = label_steps(SOLUTION, PROBLEM, 1, "judge")
    assert (labelled.steps, labelled.labels) == (("one", "two"), (1.0, 0.0))
    assert (labelled.question, labelled.source) == ("2 + 2?", "judge")


def test_a_solution_without_error_keeps_all_steps() -> None:
    assert label_steps(SOLUTION, PROBLEM, None, "mc").labels == (1.0, 1.0, 1.0)


def test_labels_refuse_a_place_or_a_problem_that_is_not_the_solutions() -> None:
    with pytest.raises(DataError, match="first_error 3 of 3 steps"):
        label_steps(SOLUTION, PROBLEM, 3, "mc")
    with pytest.raises(DataError, match="solves p, not q"):
        label_steps(SOLUTION, PROBLEM.model_copy(update={"problem_id": "q"}), None, "mc")
