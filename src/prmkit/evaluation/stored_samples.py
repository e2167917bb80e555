"""From stored samples to the problems of a Best-of-N table: answers, outcomes, faults."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from prmkit.answers.equivalence import Check
from prmkit.answers.extract import extract_answer
from prmkit.datasets.importing import Imported
from prmkit.datasets.samples import StoredSamples
from prmkit.evaluation.best_of_n import Sample
from prmkit.evaluation.coverage import Coverage, rejected_faults
from prmkit.evaluation.sampled_table import Sampled, Scores
from prmkit.records import Outcome
from prmkit.scoring.base import ScoringItem, StepScorer
from prmkit.steps import split_steps

STORED = "scores"
"""How the scores of the file itself are called."""


class Checker(Protocol):
    """What compares answers; `answers.equivalence.AnswerChecker` is one."""

    def check_many(self, pairs: Sequence[tuple[str | None, str]]) -> list[Check]:
        """Check (answer, reference) pairs."""


class Fitting(NamedTuple):
    """The rows that can be evaluated together."""

    rows: Sequence[StoredSamples]
    """All with the same number of responses."""
    coverage: Coverage
    """What fits and what does not."""


def fit(data: Imported[StoredSamples], n: int | None, *, grade: bool) -> Fitting:
    """Find the rows that can be evaluated together.

    Args:
        data: What was read.
        n: Use the first n responses of each row; None = all, and all must have as many.
        grade: Whether answers will be compared; else rows must say which are correct.
    """
    sizes = Counter(len(row.responses) for row in data.records)
    most = n or max(sizes, key=lambda size: (sizes[size], size), default=0)
    scored = any(row.scores for row in data.records)
    few = f"rows with fewer than {most} responses" if n else f"rows without {most} responses"
    faults: dict[str, list[str]] = {
        few: [],
        "rows without `correct` (give it, or --grade)": [],
        "rows without `answer`, which --grade needs": [],
        "rows without `scores`, which others have": [],
    }
    few_, no_correct, no_answer, no_scores = faults.values()
    rows: list[StoredSamples] = []
    for row in data.records:
        if len(row.responses) < most or (n is None and len(row.responses) > most):
            few_.append(f"{row.problem_id}: {len(row.responses)}")
        elif not grade and not row.correct:
            no_correct.append(row.problem_id)
        elif grade and not row.answer.strip():
            no_answer.append(row.problem_id)
        elif scored and not row.scores:
            no_scores.append(row.problem_id)
        else:
            rows.append(row.first(most))
    found = {
        **rejected_faults(data, "unusable rows"),
        **{kind: ids for kind, ids in faults.items() if ids},
    }
    return Fitting(rows, Coverage(len(data.records) + len(data.rejected), len(rows), found))


def as_problems(
    rows: Sequence[StoredSamples], checker: Checker | None = None, *, missing_votes: bool = False
) -> list[Sampled]:
    """Rows as the problems of a table.

    Args:
        rows: What `fit` found.
        checker: Grades the answers; None = the rows' own `correct`.
        missing_votes: Whether "no answer" is an answer that can win a vote (and is wrong), as in
            the evaluation code of Qwen2.5-Math and search-and-learn; else it does not vote.
    """
    answers = [[_answer(row, i) for i in range(len(row.responses))] for row in rows]
    outcomes = _graded(rows, answers, checker) if checker else [_said(row) for row in rows]
    return [
        Sampled(
            problem_id=row.problem_id,
            samples=[
                Sample(f"{row.problem_id}/{i}", outcome, "" if a is None and missing_votes else a)
                for i, (outcome, a) in enumerate(zip(of_row, found, strict=True))
            ],
            lengths=[len(text) for text in row.responses],
            scores={STORED: Scores(row.scores, row.by_step)} if row.scores else {},
        )
        for row, found, of_row in zip(rows, answers, outcomes, strict=True)
    ]


def with_scorer(
    problems: Sequence[Sampled], rows: Sequence[StoredSamples], name: str, scorer: StepScorer
) -> list[Sampled]:
    """Add a live PRM's scores; responses are split into steps at blank lines.

    Args:
        problems: Made of `rows`.
        rows: The texts.
        name: How to call the scorer.
        scorer: The PRM.
    """
    added: list[Sampled] = []
    for problem, row in zip(problems, rows, strict=True):
        items = [
            ScoringItem(
                solution_id=f"{row.problem_id}/{i}", question=row.question, steps=split_steps(text)
            )
            for i, text in enumerate(row.responses)
        ]
        scores = Scores([found.scores for found in scorer.score(items)], by_step=True)
        added.append(problem._replace(scores={**problem.scores, name: scores}))
    return added


def _answer(row: StoredSamples, i: int) -> str | None:
    answer = row.extracted[i] if row.extracted else extract_answer(row.responses[i])
    return answer if answer is not None and answer.strip() else None


def _said(row: StoredSamples) -> list[Outcome]:
    words = {True: Outcome.CORRECT, False: Outcome.INCORRECT, None: Outcome.UNSCORED}
    return [words[correct] for correct in row.correct]


def _graded(
    rows: Sequence[StoredSamples], answers: Sequence[Sequence[str | None]], checker: Checker
) -> list[list[Outcome]]:
    pairs = [
        (answer, row.answer) for row, found in zip(rows, answers, strict=True) for answer in found
    ]
    checks = iter(checker.check_many(pairs))
    return [[next(checks).outcome for _ in found] for found in answers]
