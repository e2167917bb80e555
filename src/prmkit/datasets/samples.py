"""Stored samples of Best-of-N: a line a problem with all its responses.

    {"problem_id", "question", "answer", "responses": [text],
     "extracted"?: [text or null], "correct"?: [true, false or null],
     "scores"?: [number, or a list of one number a step, or null], "task"?: text}

The lists of a line have one entry a response. `extracted` are final answers, null or blank where
none was found; without it they are found in the responses. A null in `correct` or `scores` is
unscored. `task` is read only where a file is taken apart by it.
"""

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from pydantic import Field

from prmkit.datasets.fields import BadField, Fields, shown
from prmkit.datasets.importing import Converted, Imported, convert_rows
from prmkit.datasets.rows import BadRow, Row
from prmkit.records import Record


class StoredSamples(Record):
    """The responses to one problem."""

    problem_id: str = Field(min_length=1)
    """The problem."""
    question: str
    """Its text."""
    answer: str
    """The reference answer; empty if the line has none."""
    responses: tuple[str, ...] = Field(min_length=1)
    """In the order drawn."""
    extracted: tuple[str | None, ...] = ()
    """Final answers; empty if the line has none."""
    correct: tuple[bool | None, ...] = ()
    """Whether each is right; empty if the line does not say."""
    scores: tuple[tuple[float, ...], ...] = ()
    """Scores of the steps of each response, or its one score; none for a response whose scores are
    null; empty if the line has none."""
    by_step: bool = False
    """Whether `scores` are of steps; else one a response, of an outcome model."""
    task: str = ""
    """The set of problems that it belongs to; empty if the line does not say, or nobody asked."""

    def first(self, n: int) -> "StoredSamples":
        """The same with the first n responses."""
        lists = ("responses", "extracted", "correct", "scores")
        return self.model_copy(update={name: getattr(self, name)[:n] for name in lists})


def read_samples(
    rows: Iterable[Row | BadRow], *, with_task: bool = False
) -> Imported[StoredSamples]:
    """Read stored samples; other columns are let be, an id that comes again is rejected.

    Args:
        rows: The lines.
        with_task: Read `task`, too; an id may then come again in another task.
    """

    def identify(row: StoredSamples) -> str:
        return f"{row.task} {row.problem_id}" if row.task else row.problem_id

    return convert_rows(rows, partial(_samples, with_task=with_task), identify)


def _samples(row: Row, *, with_task: bool) -> Converted[StoredSamples]:
    fields = Fields(row.values)
    fields.raw("problem_id", "the id of a problem")
    responses = _each(fields, "responses", (str,), "a list of texts")
    n = len(responses)
    scores = _scores(fields, n) if "scores" in fields else []
    return Converted(
        [
            StoredSamples(
                problem_id=fields.key("problem_id", ""),
                question=fields.any_text("question") if "question" in fields else "",
                answer=_reference(fields),
                responses=tuple(responses),
                extracted=_optional(fields, "extracted", str, "texts or null", n),
                correct=_optional(fields, "correct", bool, "true, false or null", n),
                scores=tuple(scores),
                by_step="scores" in fields and _by_step(fields),
                task=fields.key("task", "") if with_task and "task" in fields else "",
            )
        ]
    )


def _reference(fields: Fields) -> str:
    if "answer" not in fields:
        return ""
    value = fields.raw("answer", "text or a number")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise fields.bad("answer", shown(value), "text or a number")
    return str(value)


def _optional(fields: Fields, name: str, kind: type, allowed: str, n: int) -> tuple[Any, ...]:
    if name not in fields:
        return ()
    values = _each(fields, name, (kind, type(None)), f"a list of {allowed}")
    return tuple(_one_a_response(fields, name, values, n))


def _each(fields: Fields, name: str, kinds: tuple[type, ...], allowed: str) -> list[Any]:
    values = fields.raw(name, allowed)
    if not isinstance(values, list | tuple) or not values:
        found = "an empty list" if isinstance(values, list | tuple) else shown(values)
        raise fields.bad(name, found, allowed)
    for i, value in enumerate(values):
        if not isinstance(value, kinds):
            raise fields.bad(f"{name}.{i}", shown(value), allowed)
    return list(values)


def _by_step(fields: Fields) -> bool:
    return any(isinstance(value, list | tuple) for value in fields.raw("scores", ""))


def _scores(fields: Fields, n: int) -> list[tuple[float, ...]]:
    """Scores of each response: all are numbers, or all are lists of numbers; null is none."""
    allowed = "a list of numbers, or of lists of numbers, one a step"
    values = _each(fields, "scores", (object,), allowed)
    _one_a_response(fields, "scores", values, n)
    if _by_step(fields):
        steps = Fields({f"scores.{i}": value for i, value in enumerate(values)})
        return [() if v is None else steps.numbers(f"scores.{i}") for i, v in enumerate(values)]
    for i, value in enumerate(values):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and math.isfinite(value)):
            raise fields.bad(f"scores.{i}", shown(value), "a finite number or null")
    return [() if value is None else (float(value),) for value in values]


def _one_a_response(fields: Fields, name: str, values: Sequence[Any], n: int) -> Sequence[Any]:
    if len(values) != n:
        raise BadField(name, f"a list of {len(values)}", f"one a response, {n}")
    return values
