import json
from collections.abc import Iterator
from typing import Any

import pytest

from prmkit.answers.equivalence import AnswerChecker
from prmkit.answers.grading import MAX_LINE_BYTES, Grade, grade_lines


@pytest.fixture
def checker() -> Iterator[AnswerChecker]:
    with AnswerChecker() as checker:
        yield checker


def graded(checker: AnswerChecker, *lines: bytes) -> list[Grade]:
    return list(grade_lines(lines, checker, "a.jsonl"))


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def test_answers_and_solutions_are_graded_in_order_with_their_own_fields(
    checker: AnswerChecker,
) -> None:
    grades = graded(
        checker,
        line(id=1, answer="1/2", reference="0.5", weight=1.5),
        line(id=2, answer="8", reference="7", kind="answer"),
        line(id=3, answer=r"so it is \boxed{7}", reference="7", kind="text"),
        line(id=4, answer=None, reference="7"),
    )
    rows = [json.loads(grade.line()) for grade in grades]
    assert [row["id"] for row in rows] == [1, 2, 3, 4]
    assert [row["verdict"] for row in rows] == ["correct", "incorrect", "correct", "incorrect"]
    assert rows[3]["reason"] == "no answer"
    assert rows[0]["weight"] == 1.5


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"not json\n", "a.jsonl:2: not JSON, column 1"),
        (b"\n", "a.jsonl:2: the line is empty"),
        (b"[1]\n", "not an object"),
        (b'{"answer": "\xff", "reference": "5"}\n', "not UTF-8"),
        (line(answer="5"), "a.jsonl:2: field 'reference' is missing"),
        (line(reference="5"), "a.jsonl:2: field 'answer' is missing"),
        (line(answer=5, reference="5"), "field 'answer': 5 is not text"),
        (line(answer="5", reference=None), "field 'reference': None is not text"),
        (line(answer="5", reference=" "), "field 'reference': empty"),
        (line(answer="5", reference="5", kind="box"), "field 'kind': 'box' is neither"),
        (b'{"answer": "5", "reference": "5", "x": 1e999}', "1e999 is not a finite number"),
        (b"[" * 100_000, "nested too deeply"),
        (b'"' + b"x" * (MAX_LINE_BYTES + 1), "longer than"),
    ],
)
def test_a_bad_line_is_named_and_unscored_and_the_others_go_on(
    checker: AnswerChecker, bad: bytes, said: str
) -> None:
    good = line(answer="5", reference="5")
    first, middle, last = graded(checker, good, bad, good)
    assert (first.verdict.value, last.verdict.value) == ("correct", "correct")
    assert (middle.verdict.value, middle.bad_line) == ("unscored", True)
    assert said in middle.reason
    assert json.loads(middle.line())["verdict"] == "unscored"


def test_half_a_surrogate_pair_survives(checker: AnswerChecker) -> None:
    (grade,) = graded(checker, b'{"answer": "\\ud800", "reference": "5"}')
    assert json.loads(grade.line())["answer"] == "\ud800"


def test_lines_are_graded_as_they_come(checker: AnswerChecker) -> None:
    n_read = 0

    def endless() -> Iterator[bytes]:
        nonlocal n_read
        while True:
            n_read += 1
            yield line(answer="5", reference="5")

    grades = grade_lines(endless(), checker, "a")
    assert next(grades).verdict.value == "correct"
    assert n_read < 10_000
