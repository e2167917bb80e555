"""ProcessBench (arXiv 2412.06559): solutions with the first wrong step found by people.

A row is `id`, `generator`, `problem`, `steps`, `final_answer_correct` and `label`, the 0-based
index of the first wrong step or -1 for none; -1 exists in this module alone. Any set in this schema
is read. The schema has no id of a problem: cases with the same question share one, made from it.

A line of stored predictions is `id` with `prediction` (-1, an index, or null where the reply could
not be read) or with `scores`, one a step.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from pydantic import Field

from prmkit.datasets.fields import Fields, shown
from prmkit.datasets.importing import Converted, Imported, convert_rows
from prmkit.datasets.rows import BadRow, Row
from prmkit.errors import DataError
from prmkit.records import BenchmarkCase, Outcome, Record

_NO_ERROR = -1
_IN_SUBSET = re.compile(r"(.+)-[^-]+")


NO_SUCH_STEP = "no such step"
"""Why a prediction of a place that the solution does not have says nothing."""


class StoredPrediction(Record):
    """What somebody's system said about one case: a place, nothing readable, or step scores."""

    case_id: str = Field(min_length=1)
    """The case."""
    first_error: int | None = Field(None, ge=0)
    """Predicted index of the first wrong step; None = no step is wrong (or one of the below)."""
    unreadable: str = ""
    """Why the system's reply could not be read; empty if it could."""
    scores: tuple[float, ...] = ()
    """Score of each step, higher is better; empty where there is a prediction."""


def read_processbench(rows: Iterable[Row | BadRow]) -> Imported[BenchmarkCase]:
    """Read cases; the subset is what stands before the id's last dash, else the file's name."""
    return convert_rows(rows, _case, lambda case: case.case_id)


def read_predictions(rows: Iterable[Row | BadRow]) -> Imported[StoredPrediction]:
    """Read stored predictions; other columns are let be, an id that comes again is rejected."""
    return convert_rows(rows, lambda row: Converted([prediction_of(row)]), lambda p: p.case_id)


def prediction_row(prediction: StoredPrediction) -> dict[str, Any]:
    """A stored prediction as a line of the format that `read_predictions` reads."""
    if prediction.scores:
        return {"id": prediction.case_id, "scores": list(prediction.scores)}
    place = _NO_ERROR if prediction.first_error is None else prediction.first_error
    return {"id": prediction.case_id, "prediction": None if prediction.unreadable else place}


def processbench_row(case: BenchmarkCase) -> dict[str, Any]:
    """A case as a row of the published schema.

    Raises:
        DataError: the case has no outcome, which the schema needs.
    """
    if case.outcome is Outcome.UNSCORED:
        raise DataError(f"{case.case_id}: outcome: found unscored; allowed: correct or incorrect")
    return {
        "id": case.case_id,
        "generator": case.policy,
        "problem": case.question,
        "steps": list(case.steps),
        "final_answer_correct": case.outcome is Outcome.CORRECT,
        "label": _NO_ERROR if case.first_error is None else case.first_error,
    }


def question_id(subset: str, question: str) -> str:
    """An id for a problem that has none: white space does not change it."""
    text = " ".join(question.split())
    return f"{subset}/{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def case_of(row: Row) -> BenchmarkCase:
    """A row of the published schema as a case.

    Raises:
        BadField: a column is missing or not as the schema says.
    """
    fields = Fields(row.values)
    own = fields.key("id", row.position)
    named = _IN_SUBSET.fullmatch(own)
    subset = named[1] if named else row.stem
    question, steps = fields.text("problem"), fields.texts("steps")
    label = fields.whole("label", _NO_ERROR, len(steps) - 1)
    right = fields.flag("final_answer_correct")
    return BenchmarkCase(
        case_id=own if named else f"{subset}-{own}",
        problem_id=question_id(subset, question),
        subset=subset,
        question=question,
        steps=steps,
        first_error=None if label == _NO_ERROR else label,
        outcome=Outcome.CORRECT if right else Outcome.INCORRECT,
        policy=fields.any_text("generator"),
    )


def prediction_of(row: Row) -> StoredPrediction:
    """A line of stored predictions.

    Raises:
        BadField: a column is missing or not as the format says.
    """
    fields = Fields(row.values)
    fields.raw("id", "the id of a case")
    case_id = fields.key("id", "")
    if "scores" in fields:
        if "prediction" in fields:
            raise fields.bad("", "both prediction and scores", "one of the two")
        return StoredPrediction(case_id=case_id, scores=fields.numbers("scores"))
    allowed = "an index from 0, -1 for no error, null for unreadable, or `scores` instead"
    value = fields.raw("prediction", allowed)
    if value is None:
        return StoredPrediction(case_id=case_id, unreadable="null")
    if isinstance(value, bool) or not isinstance(value, int):
        raise fields.bad("prediction", shown(value), allowed)
    if value < _NO_ERROR:
        return StoredPrediction(case_id=case_id, unreadable=NO_SUCH_STEP)
    return StoredPrediction(case_id=case_id, first_error=None if value == _NO_ERROR else value)


def _case(row: Row) -> Converted[BenchmarkCase]:
    case = case_of(row)
    wrong, right = case.first_error is not None, case.outcome is Outcome.CORRECT
    notes = {"with an error": int(wrong), "without error": int(not wrong), "steps": len(case.steps)}
    return Converted([case], notes | {"right answer, wrong process": int(wrong and right)})
