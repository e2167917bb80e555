"""Ask models about a benchmark's cases: PRMs, outcome models by prefixes, and critics.

What they say takes the form of stored predictions, so that a live evaluation is a stored one whose
rows were written a moment ago, and can be kept and evaluated again.
"""

from collections.abc import Callable, Sequence

from prmkit.config import JudgeConfig
from prmkit.datasets.cases import case_question, case_solution
from prmkit.datasets.processbench import StoredPrediction
from prmkit.generators.base import Generator
from prmkit.generators.drive import drive
from prmkit.judging.judge import judge_solution
from prmkit.judging.vote import majority
from prmkit.records import BenchmarkCase, JudgeAnnotation
from prmkit.scoring.base import ScoringItem, StepScorer

Advance = Callable[[int], None]
"""Told how many cases were done."""

_AT_ONCE = 64


def by_scorer(
    cases: Sequence[BenchmarkCase], scorer: StepScorer, advance: Advance
) -> list[StoredPrediction]:
    """A PRM's step scores of each case; a case that it cannot score is unreadable."""
    found: list[StoredPrediction] = []
    for start in range(0, len(cases), _AT_ONCE):
        chunk = cases[start : start + _AT_ONCE]
        rows = scorer.score([_item(case, len(case.steps)) for case in chunk])
        found += [
            StoredPrediction(case_id=case.case_id, scores=row.scores, unreadable=bool(row.unscored))
            for case, row in zip(chunk, rows, strict=True)
        ]
        advance(len(chunk))
    return found


def by_prefixes(
    cases: Sequence[BenchmarkCase], scorer: StepScorer, advance: Advance
) -> list[StoredPrediction]:
    """An outcome model's step scores: each prefix is scored as if it were a whole solution.

    As arXiv 2501.07301, Table 7, evaluates Qwen2.5-Math-RM-72B. A step's score is the last score of
    the prefix that ends with it.
    """
    found: list[StoredPrediction] = []
    for case in cases:
        rows = scorer.score([_item(case, n) for n in range(1, len(case.steps) + 1)])
        failed = any(row.unscored for row in rows)
        scores = () if failed else tuple(row.scores[-1] for row in rows)
        found.append(StoredPrediction(case_id=case.case_id, scores=scores, unreadable=failed))
        advance(1)
    return found


def by_critic(
    cases: Sequence[BenchmarkCase],
    generator: Generator,
    config: JudgeConfig,
    seed: int,
    advance: Advance,
) -> list[StoredPrediction]:
    """A critic's places: the most frequent readable one of its votes, of tied ones the first.

    That is ProcessBench's rule; a case without a readable vote is unreadable.
    """
    tasks = (
        judge_solution(case_solution(case), case_question(case), config, seed) for case in cases
    )
    found: dict[int, StoredPrediction] = {}
    for index, annotation in drive(tasks, generator):
        found[index] = _said(cases[index], annotation)
        advance(1)
    return [found[index] for index in range(len(cases))]


def _said(case: BenchmarkCase, annotation: JudgeAnnotation) -> StoredPrediction:
    decided = majority(annotation.votes, ties="first")
    return StoredPrediction(
        case_id=case.case_id,
        first_error=decided.first_error,
        unreadable=bool(decided.unscored),
    )


def _item(case: BenchmarkCase, n_steps: int) -> ScoringItem:
    return ScoringItem(solution_id=case.case_id, question=case.question, steps=case.steps[:n_steps])
