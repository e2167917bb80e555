"""PRMBench (arXiv 2501.03124): solutions with errors put in on purpose, every step marked.

`error_steps` counts from 1. The subset is the row's `classification`; each row of class
`redundency` (so spelt) also gives the solution before the change, as a case of class `correct`,
which stays out of the overall figure. The key is `{classification}_{idx}`.

What the published file holds against its own description, kept so that figures can be compared:
* error steps beyond the last step: they mark nothing, as in the official script;
* blank steps: they are steps and carry a label;
* five keys of class `multi_solutions` with two different solutions: the second is `key~2`.

A line of stored scores is `key` with `scores`, one a step, or null where there are none. The second
line of a key is that of its second solution.
"""

from collections import Counter
from collections.abc import Iterable

from pydantic import Field

from prmkit.datasets.fields import Fields
from prmkit.datasets.importing import Converted, Imported, convert_rows
from prmkit.datasets.processbench import question_id
from prmkit.datasets.rows import BadRow, Row
from prmkit.records import BenchmarkCase, Record

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

DIMENSIONS = {
    "simplicity": CLASSES[:2],
    "soundness": CLASSES[2:6],
    "sensitivity": CLASSES[6:],
}
"""What the classes test, as in the benchmark's tables."""

SHORT = dict(zip(CLASSES, ["NR", "NCL", "ES", "SC", "DC", "CI", "PS", "DR", "MS"], strict=True))
"""What the benchmark's tables call the classes."""

_SECOND = "~"
_REDUNDANT = CLASSES[0]
_NO_ANSWER = "the benchmark does not state it"


class StoredScores(Record):
    """Somebody's step scores of one case."""

    case_id: str = Field(min_length=1)
    """The case."""
    scores: tuple[float, ...] = ()
    """Score of each step, higher is better; empty where there are none."""


def is_second(case_id: str) -> bool:
    """Whether a case is a second solution under a key; the official code drops those."""
    return _SECOND in case_id


def read_scores(rows: Iterable[Row | BadRow]) -> Imported[StoredScores]:
    """Read stored scores; other columns are let be."""
    counts: Counter[str] = Counter()

    def convert(row: Row) -> Converted[StoredScores]:
        fields = Fields(row.values)
        fields.raw("key", "the key of a case")
        key = fields.key("key", "")
        null = fields.raw("scores", "a list of finite numbers, or null") is None
        scores = () if null else fields.numbers("scores")
        counts[key] += 1
        case_id = key if counts[key] == 1 else f"{key}{_SECOND}{counts[key]}"
        return Converted([StoredScores(case_id=case_id, scores=scores)])

    return convert_rows(rows, convert, lambda row: row.case_id)


def read_prmbench(rows: Iterable[Row | BadRow]) -> Imported[BenchmarkCase]:
    """Read cases: one a row, and the unchanged solution of each row of class `redundency`."""
    solutions: dict[str, set[tuple[str, ...]]] = {}

    def convert(row: Row) -> Converted[BenchmarkCase]:
        fields = Fields(row.values)
        changed, notes = _changed(fields)
        known = solutions.setdefault(changed.case_id, set())
        if known and changed.steps not in known:
            notes["solutions under a key that is taken"] = 1
            changed = changed.model_copy(
                update={"case_id": f"{changed.case_id}{_SECOND}{len(known) + 1}"}
            )
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
