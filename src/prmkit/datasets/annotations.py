"""Who places the first error where: tables of a run, benchmark cases, stored predictions.

What a row is, its columns tell: `first_error` of any of prmkit's annotations or cases, `labels` of
a labelled solution (the first below 0.5 is the error), ProcessBench's `label`, or `prediction`.
"""

from collections.abc import Iterable
from pathlib import Path

from prmkit.datasets.fields import Fields
from prmkit.datasets.importing import Converted, Imported, convert_rows
from prmkit.datasets.processbench import case_of, prediction_of
from prmkit.datasets.rows import BadRow, Row
from prmkit.records import Annotated

_WRONG = 0.5
_KINDS = "first_error, labels, label or prediction"
RUN_TABLES = {"mc": "rollouts.parquet", "judge": "judge.train.parquet"}
"""The annotations of a run's training solutions, by who made them."""
RUN_TRUTH = "truth.train.parquet"
"""Their truth, in the synthetic world."""


class Place(Annotated):
    """Where one annotator places the first error of a solution."""

    problem_id: str
    """Solutions of one problem are resampled together."""


def read_annotations(rows: Iterable[Row | BadRow]) -> Imported[Place]:
    """Read annotations; an id that comes again is rejected."""
    return convert_rows(rows, _place, lambda place: place.solution_id)


def run_annotations(folder: Path) -> dict[str, Path]:
    """The annotation tables that a run folder holds, by annotator."""
    found = {name: folder / table for name, table in RUN_TABLES.items()}
    return {name: path for name, path in found.items() if path.is_file()}


def _place(row: Row) -> Converted[Place]:
    fields = Fields(row.values)
    if "labels" in fields:
        labels = fields.shares("labels")
        wrong = next((step for step, label in enumerate(labels) if label < _WRONG), None)
        return _of(fields.text("solution_id"), wrong)
    if "first_error" in row.values:
        key = "solution_id" if "solution_id" in fields else "case_id"
        place = fields.whole("first_error", 0, 10**6) if "first_error" in fields else None
        unscored = fields.any_text("unscored") if "unscored" in fields else ""
        own = fields.text("problem_id") if "problem_id" in fields else ""
        return _of(fields.text(key), place, unscored, own)
    if "label" in fields and "prediction" not in row.values:
        case = case_of(row)
        return _of(case.case_id, case.first_error, "", case.problem_id)
    if "prediction" in row.values:
        said = prediction_of(row)
        return _of(said.case_id, said.first_error, said.unreadable)
    raise fields.bad("", f"columns {', '.join(row.values)[:200]}", f"one of {_KINDS}")


def _of(
    solution_id: str, place: int | None, unscored: str = "", problem_id: str = ""
) -> Converted[Place]:
    problem = problem_id or _problem(solution_id)
    found = Place(solution_id=solution_id, first_error=place, unscored=unscored, problem_id=problem)
    return Converted([found])


def _problem(solution_id: str) -> str:
    """A run's solutions are called `problem/policy/sample`; others stand for themselves."""
    parts = solution_id.rsplit("/", 2)
    return parts[0] if len(parts) == 3 else solution_id
