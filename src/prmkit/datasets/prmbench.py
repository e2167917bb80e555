"""PRMBench (arXiv 2501.03124): solutions with errors put in on purpose, every step marked.

`error_steps` counts from 1. The subset is the row's `classification`; each row of class
`redundency` (so spelt) also gives the solution before the change, as a case of class `correct`,
which stays out of the overall figure. The key is `{classification}_{idx}`.

What the published file holds against its own description, kept so that figures can be compared:
* error steps beyond the last step: they mark nothing, as in the official script;
* blank steps: they are steps and carry a label;
* five keys of class `multi_solutions` with two different solutions: the second is `key~2`.
"""

from collections.abc import Iterable

from prmkit.datasets.fields import Fields
from prmkit.datasets.importing import Converted, Imported, convert_rows
from prmkit.datasets.processbench import question_id
from prmkit.datasets.rows import BadRow, Row
from prmkit.records import BenchmarkCase

CLASSES = (
    "redundency",
    "circular",
    "counterfactual",
    "step_contradiction",
    "domain_inconsistency",
    "confidence",
    "missing_condition",
    "deception",
    "multi_solutions",
)
"""The kinds of change, as the file spells them."""

CONTROL = "correct"
"""Class of the unchanged solutions, left out of the overall figure."""

_REDUNDANT = CLASSES[0]
_NO_ANSWER = "the benchmark does not state it"


def read_prmbench(rows: Iterable[Row | BadRow]) -> Imported[BenchmarkCase]:
    """Read cases: one a row, and the unchanged solution of each row of class `redundency`."""
    solutions: dict[str, set[tuple[str, ...]]] = {}

    def convert(row: Row) -> Converted[BenchmarkCase]:
        fields = Fields(row.values)
        changed, notes = _changed(fields)
        known = solutions.setdefault(changed.case_id, set())
        if known and changed.steps not in known:
            notes["solutions under a key that is taken"] = 1
            changed = changed.model_copy(update={"case_id": f"{changed.case_id}~{len(known) + 1}"})
        cases = [changed]
        if changed.subset == _REDUNDANT:
            cases.append(_unchanged(fields))
        known.add(changed.steps)
        return Converted(cases, notes)

    return convert_rows(rows, convert, lambda case: case.case_id)


def _changed(fields: Fields) -> tuple[BenchmarkCase, dict[str, int]]:
    subset = fields.text("classification")
    if subset not in CLASSES:
        raise fields.bad("classification", repr(subset), ", ".join(CLASSES))
    steps = fields.texts("modified_process", blank=True)
    marked = sorted({step - 1 for step in fields.wholes("error_steps", 1)})
    wrong = tuple(step for step in marked if step < len(steps))
    notes = {
        f"class {subset}": 1,
        "steps": len(steps),
        "wrong steps": len(wrong),
        "rows with error steps beyond the last": int(len(wrong) < len(marked)),
        "blank steps": sum(not step.strip() for step in steps),
    }
    question = fields.text("modified_question")
    return _case(fields, subset, question, steps, wrong), notes


def _unchanged(fields: Fields) -> BenchmarkCase:
    steps = fields.texts("original_process", blank=True)
    return _case(fields, CONTROL, fields.text("original_question"), steps, ())


def _case(
    fields: Fields, subset: str, question: str, steps: tuple[str, ...], wrong: tuple[int, ...]
) -> BenchmarkCase:
    return BenchmarkCase(
        case_id=f"{subset}_{fields.text('idx')}",
        problem_id=question_id("prmbench", fields.text("original_question")),
        subset=subset,
        question=question,
        steps=steps,
        first_error=wrong[0] if wrong else None,
        wrong_steps=wrong,
        reason=_NO_ANSWER,
    )
