"""ProcessBench (arXiv 2412.06559): solutions with the first wrong step found by people.

A row is `id`, `generator`, `problem`, `steps`, `final_answer_correct` and `label`, the 0-based
index of the first wrong step or -1 for none; -1 exists in this module alone. Any set in this schema
is read. The schema has no id of a problem: cases with the same question share one, made from it.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from prmkit.datasets.fields import Fields
from prmkit.datasets.importing import Converted, Imported, convert_rows
from prmkit.datasets.rows import BadRow, Row
from prmkit.errors import DataError
from prmkit.records import BenchmarkCase, Outcome

_NO_ERROR = -1
_NUMBERED = re.compile(r"(.+)-\d+")


def read_processbench(rows: Iterable[Row | BadRow]) -> Imported[BenchmarkCase]:
    """Read cases; the subset is what stands before the number in the id, else the file's name."""
    return convert_rows(rows, _case, lambda case: case.case_id)


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


def _case(row: Row) -> Converted[BenchmarkCase]:
    fields = Fields(row.values)
    own = fields.key("id", row.position)
    numbered = _NUMBERED.fullmatch(own)
    subset = numbered[1] if numbered else row.stem
    question, steps = fields.text("problem"), fields.texts("steps")
    label = fields.whole("label", _NO_ERROR, len(steps) - 1)
    right = fields.flag("final_answer_correct")
    case = BenchmarkCase(
        case_id=own if numbered else f"{subset}-{own}",
        problem_id=question_id(subset, question),
        subset=subset,
        question=question,
        steps=steps,
        first_error=None if label == _NO_ERROR else label,
        outcome=Outcome.CORRECT if right else Outcome.INCORRECT,
        policy=fields.any_text("generator"),
    )
    wrong = case.first_error is not None
    notes = {"with an error": int(wrong), "without error": int(not wrong), "steps": len(steps)}
    return Converted([case], notes | {"right answer, wrong process": int(wrong and right)})
