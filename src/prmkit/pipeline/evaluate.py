"""From scores, verdicts and truth to the evaluation tables of a report."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from prmkit.errors import NothingScored
from prmkit.evaluation.best_of_n import BestOfN, SampledProblem, best_of_n
from prmkit.evaluation.processbench import (
    ProcessCase,
    compare,
    degenerate,
    evaluate,
    predict_first_error,
)
from prmkit.evaluation.sizes import best_of_n_by_size
from prmkit.intervals import Bootstrap, paired_difference, resolved
from prmkit.pipeline.findings import Comparison, ProcessRow, split_figures
from prmkit.records import Annotated, Estimate, Outcome, Problem, Question, Solution, StepScores
from prmkit.scoring.aggregate import aggregate

AGGREGATES = {
    "product": lambda scores: aggregate(scores, "product"),
    "min": lambda scores: aggregate(scores, "min"),
    "last": lambda scores: aggregate(scores, "last"),
}


class ProcessSet(NamedTuple):
    """A ProcessBench-style set: solutions with their exact first errors."""

    solutions: Sequence[Solution]
    problems: Mapping[str, Question]
    truth: Mapping[str, int | None]

    def case(self, solution: Solution, predicted: int | None, unscored: str) -> ProcessCase:
        """One case with a system's prediction."""
        return ProcessCase(
            case_id=solution.solution_id,
            problem_id=solution.problem_id,
            subset=self.problems[solution.problem_id].split,
            first_error=self.truth[solution.solution_id],
            predicted=predicted,
            unscored=unscored,
        )

    def decidable(self) -> "ProcessSet":
        """The splits that have solutions of both kinds, with and without error; F1 needs both."""
        kinds: dict[str, set[bool]] = {}
        for solution in self.solutions:
            split = self.problems[solution.problem_id].split
            kinds.setdefault(split, set()).add(self.truth[solution.solution_id] is None)
        whole = {split for split, found in kinds.items() if len(found) == 2}
        return self._replace(
            solutions=[s for s in self.solutions if self.problems[s.problem_id].split in whole]
        )

    def splits(self) -> list[str]:
        """Splits in order of first appearance."""
        return list(dict.fromkeys(self.problems[s.problem_id].split for s in self.solutions))

    def from_scores(self, scores: Iterable[StepScores], decision: float) -> list[ProcessCase]:
        """Cases as a PRM decides them."""
        by_id = {row.solution_id: row for row in scores}
        cases: list[ProcessCase] = []
        for solution in self.solutions:
            row = by_id[solution.solution_id]
            predicted = None if row.unscored else predict_first_error(row.scores, decision)
            cases.append(self.case(solution, predicted, row.unscored))
        return cases

    def from_annotations(self, rows: Iterable[Annotated]) -> list[ProcessCase]:
        """Cases as a critic decides them."""
        by_id = {row.solution_id: row for row in rows}
        return [
            self.case(s, by_id[s.solution_id].first_error, by_id[s.solution_id].unscored)
            for s in self.solutions
        ]


def split_names(problems: Mapping[str, Problem]) -> list[str]:
    """Splits in the order of the data set, easiest first."""
    return list(dict.fromkeys(problem.split for problem in problems.values()))


def choose_cases(
    solutions: Iterable[Solution], problems: Mapping[str, Problem], n_per_split: int
) -> list[Solution]:
    """Choose the solutions of a ProcessBench-style set.

    As in ProcessBench (arXiv 2412.06559), each split has as many solutions with a right final
    answer as with a wrong one: `n_per_split` / 2 of each, or all there are of the rarer kind and as
    many of the other. Which ones is decided by a hash of their ids.
    """
    groups: dict[str, dict[Outcome, list[Solution]]] = {}
    for solution in solutions:
        split = groups.setdefault(problems[solution.problem_id].split, {})
        split.setdefault(solution.outcome, []).append(solution)
    chosen: list[Solution] = []
    for by_outcome in (groups[split] for split in split_names(problems) if split in groups):
        kinds = [by_outcome.get(o, []) for o in (Outcome.CORRECT, Outcome.INCORRECT)]
        n = min(n_per_split // 2, *(len(kind) for kind in kinds))
        for kind in kinds:
            chosen += sorted(kind, key=by_hash)[:n]
    return chosen


def by_hash(solution: Solution) -> str:
    """The key by which solutions are chosen, whatever their order."""
    return hashlib.sha256(solution.solution_id.encode()).hexdigest()


def process_rows(cases: Mapping[str, list[ProcessCase]], interval: Bootstrap) -> list[ProcessRow]:
    """A row of figures a system."""
    rows: list[ProcessRow] = []
    for system, of_system in cases.items():
        n_unscored = sum(bool(case.unscored) for case in of_system)
        try:
            result = evaluate(of_system, seed=interval.seed, resamples=interval.resamples)
            splits, mean_f1 = split_figures(result), result.mean_f1
        except NothingScored:
            splits, mean_f1 = {}, None
        rows.append(
            ProcessRow(
                system=system,
                degenerate=degenerate(of_system),
                splits=splits,
                mean_f1=mean_f1,
                n_unscored=n_unscored,
            )
        )
    return rows


def process_comparisons(
    cases: Mapping[str, list[ProcessCase]], interval: Bootstrap
) -> list[Comparison]:
    """Paired differences of mean F1 between every two systems."""
    comparisons: list[Comparison] = []
    for a, b in combinations(cases, 2):
        try:
            difference = compare(
                cases[a], cases[b], seed=interval.seed, resamples=interval.resamples
            ).mean_f1
        except NothingScored:
            continue
        comparisons.append(_comparison("mean F1", a, b, difference))
    return comparisons


def _comparison(figure: str, a: str, b: str, difference: Estimate) -> Comparison:
    return Comparison(figure=figure, a=a, b=b, difference=difference, resolved=resolved(difference))


def best_of_n_table(
    problems: Sequence[SampledProblem],
    scores: Mapping[str, Sequence[StepScores]],
    interval: Bootstrap,
) -> BestOfN | None:
    """All methods on these problems; None if there are none."""
    if not problems:
        return None
    try:
        return best_of_n(
            problems, _by_id(scores), AGGREGATES, seed=interval.seed, resamples=interval.resamples
        )
    except NothingScored:
        return None


def best_of_n_curves(
    problems: Sequence[SampledProblem],
    scores: Mapping[str, Sequence[StepScores]],
    interval: Bootstrap,
) -> dict[str, list[Estimate | None]]:
    """All methods at every N."""
    return best_of_n_by_size(problems, _by_id(scores), AGGREGATES, interval)


def _by_id(scores: Mapping[str, Sequence[StepScores]]) -> dict[str, dict[str, StepScores]]:
    """Each arm's rows by solution id."""
    return {arm: {row.solution_id: row for row in rows} for arm, rows in scores.items()}


def best_of_n_comparisons(
    table: BestOfN, arms: Iterable[str], interval: Bootstrap
) -> list[Comparison]:
    """Each PRM by product against the majority vote, paired over problems."""
    majority = f"maj@{table.n}"
    comparisons: list[Comparison] = []
    for arm in arms:
        method = f"{arm} prm@{table.n} product"
        difference = paired_difference(
            table.values[method],
            table.values[majority],
            seed=interval.seed,
            resamples=interval.resamples,
        )
        comparisons.append(_comparison("Best-of-N", method, majority, difference))
    return comparisons
