"""Solutions that are there already, and the problems that they solve, for `prm rollout`.

Solutions come from a run's folder, a folder of `prm import`, or one table: `Solution` as it is,
`LabelledSolution` and `BenchmarkCase` as solutions with a first error that somebody gave. A problem
is found by the solution's problem id, or else by the text of its question, compared as
decontamination compares it. A solution without a problem, of whose answer nothing could be said, is
rejected with that reason; the others go on.

An outcome that nobody said is found out only where it is needed, which is with `finished_is_known`,
and only by an answer that the text states: labelled solutions often end before their answer.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from prmkit.answers.extract import GUESSES, extract
from prmkit.config import RolloutRecipe
from prmkit.datasets.cases import NOT_SAID, case_solution
from prmkit.datasets.decontaminate import normal_text
from prmkit.errors import ConfigError, DataError
from prmkit.records import (
    BenchmarkCase,
    CheckedAnswer,
    GivenLabel,
    JudgeAnswer,
    LabelledSolution,
    Outcome,
    Problem,
    Record,
    Rejected,
    Solution,
)
from prmkit.steps import join_steps
from prmkit.store import optional_columns, read_records

CUT = "cut at its first error"
"""Reason of the outcome of a labelled solution that is not there to its end."""
_OF_A_RUN = "solutions.train"
_GIVEN = (Solution, LabelledSolution, BenchmarkCase)
_TABLES = ("solutions", "labelled", "cases")
_WRONG = 0.5  # a label below it is a wrong step


class Given(NamedTuple):
    """What a table held."""

    solutions: list[Solution]
    """In the table's order."""
    problems: list[Problem]
    """Those that they solve."""
    labels: list[GivenLabel]
    """Of the solutions that came with labels."""
    rejected: list[Rejected]
    """Solutions that cannot be rolled out."""


class _Row(NamedTuple):
    """A solution before its problem is known."""

    solution: Solution
    question: str
    label: GivenLabel | None


def read_given(recipe: RolloutRecipe, check_answer: JudgeAnswer) -> Given:
    """Read the solutions of a recipe and find their problems.

    Args:
        recipe: Names the tables.
        check_answer: Checks the final answer of a solution that comes without an outcome.

    Raises:
        DataError: a table is missing, damaged or of other records, two solutions share an id, or
            none has a problem.
        ConfigError: labels are to be verified, and the solutions come without.
    """
    table = solutions_table(recipe.solutions)
    book = _Book(p for path in problem_tables(recipe) for p in read_records(path, Problem))
    found = Given([], [], [], [])
    used: dict[str, Problem] = {}
    for row in _rows(table):
        problem = book.find(row)
        if isinstance(problem, Rejected):
            found.rejected.append(problem)
            continue
        used[problem.problem_id] = problem
        solution = row.solution.model_copy(update={"problem_id": problem.problem_id})
        if recipe.rollouts.finished_is_known:
            solution = _checked(solution, problem, check_answer)
        found.solutions.append(solution)
        if row.label is not None:
            found.labels.append(row.label)
    if not found.solutions:
        first = found.rejected[0].reason if found.rejected else "it is empty"
        raise DataError(f"{table}: no solution can be rolled out: {first}")
    if recipe.rollouts.annotator == "verify" and not found.labels:
        raise ConfigError(f"rollouts.annotator verify: {table} has no labels to verify")
    found.problems.extend(used.values())
    return found


def solutions_table(name: str) -> Path:
    """The table that a recipe's `solutions` means.

    Raises:
        DataError: there is none.
    """
    path = Path(name)
    if path.is_file():
        return path
    if not path.is_dir():
        raise DataError(f"{name}: no such folder or table")
    is_run = (path / "manifest.json").is_file()
    names = (_OF_A_RUN,) if is_run else _TABLES
    found = [path / f"{n}.parquet" for n in names if (path / f"{n}.parquet").is_file()]
    if not found:
        allowed = ", ".join(f"{n}.parquet" for n in (*_TABLES, _OF_A_RUN))
        raise DataError(f"{name}: holds no solutions; allowed: a folder with {allowed}")
    return found[0]


def problem_tables(recipe: RolloutRecipe) -> list[Path]:
    """The tables of problems, at least one.

    Raises:
        DataError: there is none.
    """
    names = recipe.problems or (str(solutions_table(recipe.solutions).parent),)
    return [path for name in names for path in _problem_tables(name)]


def _problem_tables(name: str) -> list[Path]:
    path = Path(name)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"{name}: no such folder or table of problems")
    found = sorted(p for p in path.glob("problems*.parquet") if _holds(p, Problem))
    if not found:
        raise DataError(f"{name}: holds no problems; name folders or tables of them as problems")
    return found


def _holds(path: Path, kind: type[Record]) -> bool:
    """Whether a table has a record's columns; those that came later may be absent."""
    columns, fields = set(pq.read_schema(path).names), set(kind.model_fields)
    return fields - optional_columns(kind) <= columns <= fields


def _rows(table: Path) -> list[_Row]:
    try:
        kind = next((k for k in _GIVEN if _holds(table, k)), None)
    except (OSError, ValueError) as error:
        first = str(error).split("\n", 1)[0]
        raise DataError(f"{table}: not a readable Parquet file: {first}") from error
    if kind is None:
        allowed = ", ".join(k.__name__ for k in _GIVEN)
        raise DataError(f"{table}: found another record's columns; allowed: those of {allowed}")
    rows = [_AS_ROW[kind](record) for record in read_records(table, kind)]
    seen = set[str]()
    for row in rows:
        if row.solution.solution_id in seen:
            raise DataError(f"{table}: solution id {row.solution.solution_id!r} occurs twice")
        seen.add(row.solution.solution_id)
    return rows


def _of_solution(solution: Solution) -> _Row:
    return _Row(solution, "", None)


def _of_labelled(labelled: LabelledSolution) -> _Row:
    wrong = (step for step, label in enumerate(labelled.labels) if label < _WRONG)
    label = GivenLabel(
        solution_id=labelled.solution_id, first_error=next(wrong, None), source=labelled.source
    )
    solution = Solution(
        solution_id=labelled.solution_id,
        problem_id="",
        policy="",
        sample_index=0,
        steps=labelled.steps,
        outcome=Outcome.UNSCORED,
        reason=NOT_SAID if label.first_error is None else CUT,
    )
    return _Row(solution, labelled.question, label)


def _of_case(case: BenchmarkCase) -> _Row:
    label = GivenLabel(solution_id=case.case_id, first_error=case.first_error, source=case.subset)
    return _Row(case_solution(case), case.question, label)


_AS_ROW: dict[type[Record], Callable[..., _Row]] = {
    Solution: _of_solution,
    LabelledSolution: _of_labelled,
    BenchmarkCase: _of_case,
}


class _Book:
    """Problems by id and by question."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._by_id: dict[str, Problem] = {}
        self._by_text: dict[str, list[Problem]] = {}
        for problem in problems:
            if self._by_id.setdefault(problem.problem_id, problem) is problem:
                self._by_text.setdefault(normal_text(problem.question), []).append(problem)

    def find(self, row: _Row) -> Problem | Rejected:
        """The problem of a solution, or why it cannot be rolled out."""
        solution_id, problem_id = row.solution.solution_id, row.solution.problem_id
        if not row.solution.steps:
            return Rejected(row=solution_id, reason="no steps")
        if problem_id in self._by_id and not row.question:
            return self._by_id[problem_id]
        found = self._by_text.get(normal_text(row.question), []) if row.question else []
        if not found:
            by = f"the id {problem_id!r}" if not row.question else "that question"
            return Rejected(row=solution_id, reason=f"no problem with {by} is given")
        answers = {problem.answer for problem in found}
        if len(answers) > 1:
            ids = ", ".join(sorted(problem.problem_id for problem in found))
            return Rejected(row=solution_id, reason=f"its question has several answers: {ids}")
        return found[0]


def _checked(solution: Solution, problem: Problem, check_answer: JudgeAnswer) -> Solution:
    """The solution with the outcome of its final answer, where it states one and nobody said."""
    if solution.outcome is not Outcome.UNSCORED or solution.reason != NOT_SAID:
        return solution
    text = join_steps(solution.steps)
    stated = extract(text)
    if stated is None or stated.rule in GUESSES:
        return solution
    checked: CheckedAnswer = check_answer(text, problem)
    changes = {
        "outcome": checked.outcome,
        "reason": checked.reason,
        "extracted": checked.extracted,
    }
    return solution.model_copy(update=changes)
