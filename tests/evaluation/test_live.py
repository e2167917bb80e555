from collections.abc import Sequence

from prmkit.config import JudgeConfig
from prmkit.evaluation.live import by_critic, by_prefixes, by_scorer
from prmkit.generators.base import Failure, Request
from prmkit.generators.scripted import ScriptedGenerator
from prmkit.records import BenchmarkCase
from prmkit.scoring.base import ScoringItem
from prmkit.scoring.scripted import ScriptedScorer


def cases(*n_steps: int) -> list[BenchmarkCase]:
    return [
        BenchmarkCase(
            case_id=f"math-{i}",
            problem_id=f"p{i}",
            subset="math",
            question=f"Question {i}?",
            steps=("s",) * n,
        )
        for i, n in enumerate(n_steps)
    ]


def nothing(n: int) -> None:
    """Progress that nobody looks at."""


def test_a_prms_scores_are_taken_and_what_it_cannot_score_is_no_prediction() -> None:
    done: list[int] = []
    scorer = ScriptedScorer({"math-0": [0.9, 0.1], "math-1": "too long"})
    found = by_scorer(cases(2, 3), scorer, done.append)
    assert [(row.case_id, row.scores) for row in found.records] == [("math-0", (0.9, 0.1))]
    assert [(bad.row, bad.reason) for bad in found.rejected] == [("math-1", "too long")]
    assert sum(done) == 2


def test_an_outcome_model_scores_each_prefix_as_a_whole_solution() -> None:
    def score(item: ScoringItem) -> Sequence[float] | str:
        n = len(item.steps)
        return "no" if (item.solution_id, n) == ("math-1", 2) else [0.0] * (n - 1) + [n / 10]

    scorer = ScriptedScorer(score)
    found = by_prefixes(cases(3, 2), scorer, nothing)
    assert [row.scores for row in found.records] == [(0.1, 0.2, 0.3)]
    assert [len(item.steps) for item in scorer.calls[0]] == [1, 2, 3]
    assert [bad.row for bad in found.rejected] == ["math-1"]


def test_a_critics_votes_are_counted_as_processbench_does() -> None:
    # 1 and -1 tie: the first voted for; the unreadable vote drops out
    replies = iter(["\\boxed{1}", "\\boxed{-1}", "no box"])
    generator = ScriptedGenerator(lambda request: next(replies))
    config = JudgeConfig(model="m", votes=3)
    (row,) = by_critic(cases(2), generator, config, 0, nothing).records
    assert (row.first_error, row.unreadable) == (1, "")


def test_an_unreadable_reply_is_a_prediction_and_a_failed_call_is_none() -> None:
    def reply(request: Request) -> str | Failure:
        asked = request.messages[0].content
        if "Question 0" in asked:
            return Failure(kind="timeout", message="600 s")
        return "\\boxed{7}" if "Question 1" in asked else "\\boxed{-1}"

    config = JudgeConfig(model="m", votes=1)
    found = by_critic(cases(2, 2, 2), ScriptedGenerator(reply), config, 0, nothing)
    assert [(row.case_id, row.unreadable) for row in found.records] == [
        ("math-1", "out_of_range"),
        ("math-2", ""),
    ]
    assert [(bad.row, bad.reason) for bad in found.rejected] == [("math-0", "timeout: 600 s")]
