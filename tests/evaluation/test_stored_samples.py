"""Stored samples as problems, and a live PRM's scores of them."""

from collections.abc import Sequence

from prmkit.datasets.samples import StoredSamples
from prmkit.evaluation.stored_samples import STORED, as_problems, with_scorer
from prmkit.records import Outcome
from prmkit.scoring.base import ScoringItem
from prmkit.scoring.scripted import ScriptedScorer

ROW = StoredSamples(
    problem_id="p",
    question="1 + 1?",
    answer="2",
    responses=("One.\n\nSo \\boxed{2}", "So \\boxed{3}"),
    extracted=("2", " "),
    correct=(True, None),
    scores=((0.5,), ()),
)


def test_a_row_says_who_is_right_and_whose_answer_is_missing() -> None:
    (problem,) = as_problems([ROW])
    assert [s.outcome for s in problem.samples] == [Outcome.CORRECT, Outcome.UNSCORED]
    assert [s.answer for s in problem.samples] == ["2", None]  # a blank one is none
    assert problem.lengths == [len(text) for text in ROW.responses]
    assert problem.scores[STORED].rows == ((0.5,), ())


def test_a_live_prm_scores_each_response_step_by_step_beside_the_stored_scores() -> None:
    def score(item: ScoringItem) -> Sequence[float] | str:
        assert item.question == "1 + 1?"
        return [0.9, 0.8] if item.solution_id == "p/0" else "too long"

    scorer = ScriptedScorer(score)
    (problem,) = with_scorer(as_problems([ROW]), [ROW], "prm", scorer)
    assert list(problem.scores) == [STORED, "prm"]
    assert problem.scores["prm"].by_step
    assert problem.scores["prm"].rows == [(0.9, 0.8), ()]  # what it cannot score it never picks
    assert [item.steps for item in scorer.calls[0]] == [
        ("One.", "So \\boxed{2}"),
        ("So \\boxed{3}",),
    ]
