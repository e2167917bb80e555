"""Grade many lines of JSON, each an answer with its reference, in order and in little memory.

A line that cannot be used is not dropped: it comes back unscored, with the line and field at fault
as its reason, so that there are as many grades as lines.
"""

import json
import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple

from prmkit.answers.equivalence import AnswerChecker
from prmkit.answers.extract import extract_answer
from prmkit.records import Outcome

Kind = Literal["answer", "text"]

MAX_LINE_BYTES = 16 << 20
"""A line longer than this is not read as JSON."""

_BATCH = 2048
_MAX_SHOWN = 40
_BOM = b"\xef\xbb\xbf"


class Grade(NamedTuple):
    """What grading one line found."""

    row: dict[str, Any]
    """The line's own fields; only what could be read of it where it is bad."""
    verdict: Outcome
    """Correct, incorrect or unscored."""
    reason: str
    """Why it is unscored, or why an answer is wrong without having been compared; else empty."""
    bad_line: bool
    """Whether the line itself is at fault."""

    def line(self) -> bytes:
        """The grade as a line of JSON: the line's own fields, then `verdict` and `reason`."""
        row = {**self.row, "verdict": self.verdict.value, "reason": self.reason}
        try:
            return json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        except UnicodeEncodeError:  # half a surrogate pair, which JSON can escape and UTF-8 cannot
            return json.dumps(row, allow_nan=False).encode() + b"\n"


class _Parsed(NamedTuple):
    row: dict[str, Any]
    answer: str | None
    reference: str
    fault: str


def grade_lines(lines: Iterable[bytes], checker: AnswerChecker, name: str) -> Iterator[Grade]:
    """Grade lines of JSON with `answer`, `reference` and optionally `kind`.

    `kind` is `answer` (default: the answer is bare) or `text` (the answer is to be found in a
    solution). An answer that is null or empty is incorrect, as in the pipeline.

    Args:
        lines: Lines of a file, with or without their line ends.
        checker: Decides; the same as in the pipeline.
        name: How reasons name the file.

    Yields:
        One grade a line, in order.

    Raises:
        RunError: the checker's worker processes cannot be started.
    """
    numbered = enumerate(lines, start=1)
    while batch := [_parse(line, f"{name}:{number}") for number, line in islice(numbered, _BATCH)]:
        pairs = [(parsed.answer, parsed.reference) for parsed in batch if not parsed.fault]
        checks = iter(checker.check_many(pairs))
        for parsed in batch:
            if parsed.fault:
                yield Grade(parsed.row, Outcome.UNSCORED, parsed.fault, bad_line=True)
            else:
                check = next(checks)
                yield Grade(parsed.row, check.outcome, check.reason, bad_line=False)


def _parse(line: bytes, place: str) -> _Parsed:
    row, fault = _object(line.removesuffix(b"\n"))
    fault = fault or _fault(row)
    if fault:
        return _Parsed(row, None, "", f"{place}: {fault}")
    answer = row["answer"]
    if answer is not None and row.get("kind", "answer") == "text":
        answer = extract_answer(answer)
    return _Parsed(row, answer, row["reference"], "")


def _object(line: bytes) -> tuple[dict[str, Any], str]:
    if len(line) > MAX_LINE_BYTES:
        return {}, f"the line is longer than {MAX_LINE_BYTES} bytes"
    if not line.strip():
        return {}, "the line is empty"
    try:
        row = json.loads(
            line.removeprefix(_BOM).decode(), parse_constant=_finite, parse_float=_finite
        )
    except UnicodeDecodeError as error:
        return {}, f"byte {error.start} of the line is not UTF-8"
    except json.JSONDecodeError as error:
        return {}, f"not JSON, column {error.colno}: {error.msg}"
    except ValueError as error:
        return {}, f"not JSON: {error}"
    except RecursionError:
        return {}, "not JSON: nested too deeply"
    return (row, "") if isinstance(row, dict) else ({}, "the line is JSON, but not an object")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is not a finite number")
    return value


def _fault(row: dict[str, Any]) -> str:
    for field in ("answer", "reference"):
        if field not in row:
            return f"field '{field}' is missing"
        if not isinstance(row[field], str) and (row[field] is not None or field == "reference"):
            return f"field '{field}': {_shown(row[field])} is not text"
    if not row["reference"].strip():
        return "field 'reference': empty"
    if row.get("kind", "answer") not in ("answer", "text"):
        return f"field 'kind': {_shown(row['kind'])} is neither 'answer' nor 'text'"
    return ""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
