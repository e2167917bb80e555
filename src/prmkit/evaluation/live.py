"""Ask models about a benchmark's cases: PRMs, outcome models by prefixes, and critics.

What they say takes the form of stored predictions, so that a live evaluation is a stored one whose
rows were written a moment ago, and can be kept and evaluated again. A case that a model could not
be asked about (too long, a failed call) has no row but is among the rejected, with the reason: it
is no wrong prediction. A critic's reply that cannot be read is one, as in the official code.
"""

from collections.abc import Callable, Sequence

from prmkit.config import JudgeConfig
from prmkit.datasets.cases import case_question, case_solution
from prmkit.datasets.importing import Imported
from prmkit.datasets.processbench import StoredPrediction
from prmkit.datasets.rows import BadRow
from prmkit.generators.base import Generator
from prmkit.generators.drive import drive
from prmkit.judging.judge import judge_solution
from prmkit.judging.vote import majority
from prmkit.records import BenchmarkCase, JudgeAnnotation
from prmkit.scoring.base import ScoringItem, StepScorer

Advance = Callable[[int], None]
"""Told how many cases were done."""
Said = Imported[StoredPrediction]

_AT_ONCE = 64
_READ_REASONS = frozenset({"no_verdict", "not_an_integer", "out_of_range", "unfinished"})


def by_scorer(cases: Sequence[BenchmarkCase], scorer: StepScorer, advance: Advance) -> Said:
    """A PRM's step scores of each case."""
    found: list[StoredPrediction | BadRow] = []
    for start in range(0, len(cases), _AT_ONCE):
        chunk = cases[start : start + _AT_ONCE]
        rows = scorer.score([_item(case, len(case.steps)) for case in chunk])
        found += [
            _unasked(case, row.unscored)
            if row.unscored
            else StoredPrediction(case_id=case.case_id, scores=row.scores)
            for case, row in zip(chunk, rows, strict=True)
        ]
        advance(len(chunk))
    return _imported(found)


def by_prefixes(cases: Sequence[BenchmarkCase], scorer: StepScorer, advance: Advance) -> Said:
    """An outcome model's step scores: each prefix is scored as if it were a whole solution.

    As arXiv 2501.07301, Table 7, evaluates Qwen2.5-Math-RM-72B. A step's score is the last score of
    the prefix that ends with it.
    """
    found: list[StoredPrediction | BadRow] = []
    for case in cases:
        rows = scorer.score([_item(case, n) for n in range(1, len(case.steps) + 1)])
        failed = next((row.unscored for row in rows if row.unscored), "")
        if failed:
            found.append(_unasked(case, failed))
        else:
            scores = tuple(row.scores[-1] for row in rows)
            found.append(StoredPrediction(case_id=case.case_id, scores=scores))
        advance(1)
    return _imported(found)


def by_critic(
    cases: Sequence[BenchmarkCase],
    generator: Generator,
    config: JudgeConfig,
    seed: int,
    advance: Advance,
) -> Said:
    """A critic's places: the most frequent readable one of its votes, of tied ones the first.

    That is ProcessBench's rule. A case of whose votes every call failed was not asked about.
    """
    tasks = (
        judge_solution(case_solution(case), case_question(case), config, seed) for case in cases
    )
    found: dict[int, StoredPrediction | BadRow] = {}
    for index, annotation in drive(tasks, generator):
        found[index] = _said(cases[index], annotation)
        advance(1)
    return _imported([found[index] for index in range(len(cases))])


def _said(case: BenchmarkCase, annotation: JudgeAnnotation) -> StoredPrediction | BadRow:
    failed = [v for v in annotation.votes if v.unscored and v.unscored not in _READ_REASONS]
    if len(failed) == len(annotation.votes):
        return _unasked(case, f"{failed[0].unscored}: {failed[0].text}")
    decided = majority(annotation.votes, ties="first")
    alone = annotation.votes[0].unscored if len(annotation.votes) == 1 else decided.unscored
    return StoredPrediction(case_id=case.case_id, first_error=decided.first_error, unreadable=alone)


def _unasked(case: BenchmarkCase, reason: str) -> BadRow:
    return BadRow(row=case.case_id, reason=reason)


def _imported(found: Sequence[StoredPrediction | BadRow]) -> Said:
    rows = [row for row in found if isinstance(row, StoredPrediction)]
    unasked = [row for row in found if isinstance(row, BadRow)]
    return Imported(rows, unasked, len(found), len(rows), {}, {})


def _item(case: BenchmarkCase, n_steps: int) -> ScoringItem:
    return ScoringItem(solution_id=case.case_id, question=case.question, steps=case.steps[:n_steps])
