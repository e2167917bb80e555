import pytest

from prmkit.errors import DataError
from prmkit.scoring.base import ScoringItem, StepScorer
from prmkit.scoring.scripted import ScriptedScorer


def item(solution_id: str, n_steps: int = 2) -> ScoringItem:
    return ScoringItem(solution_id=solution_id, question="q", steps=("s",) * n_steps)


def test_scores_come_back_in_the_order_asked() -> None:
    scorer: StepScorer = ScriptedScorer({"a": [0.1, 0.2], "b": [0.3, 0.4]}, model_id="m")
    b, a = scorer.score([item("b"), item("a")])
    assert (b.solution_id, b.scores, b.model, b.unscored) == ("b", (0.3, 0.4), "m", "")
    assert (a.solution_id, a.scores) == ("a", (0.1, 0.2))


def test_a_text_in_the_script_is_a_reason_and_never_a_score() -> None:
    (result,) = ScriptedScorer({"a": "too long"}).score([item("a")])
    assert (result.scores, result.unscored) == ((), "too long")


def test_a_function_may_be_the_script_and_calls_are_kept() -> None:
    scorer = ScriptedScorer(lambda it: [0.5] * len(it.steps))
    assert scorer.score([item("a", 3)])[0].scores == (0.5, 0.5, 0.5)
    assert scorer.calls == [(item("a", 3),)]


@pytest.mark.parametrize("scores", [[0.5], [0.5, 0.5, 0.5], [0.5, 1.5], [0.5, float("nan")]])
def test_other_than_one_probability_a_step_is_an_error(scores: list[float]) -> None:
    with pytest.raises(DataError, match=r"^a: "):
        ScriptedScorer({"a": scores}).score([item("a")])


def test_a_solution_without_a_line_is_an_error() -> None:
    with pytest.raises(DataError, match="no line for 'b'"):
        ScriptedScorer({"a": [0.5]}).score([item("b")])
