"""Stored samples of Best-of-N: what a line may hold."""

from typing import Any

import pytest

from prmkit.datasets.rows import rows_of
from prmkit.datasets.samples import read_samples

ROW: dict[str, Any] = {"problem_id": "p", "question": "?", "answer": "4", "responses": ["a", "b"]}


def rejected(**changes: Any) -> str:
    (bad,) = read_samples(rows_of([("f", [{**ROW, **changes}])])).rejected
    return bad.reason


def test_a_reference_may_be_a_number() -> None:
    rows = [{**ROW, "problem_id": str(i), "answer": a} for i, a in enumerate((4, 0.5, "x"))]
    found = read_samples(rows_of([("f", rows)])).records
    assert [row.answer for row in found] == ["4", "0.5", "x"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"answer": True}, "answer: found True; allowed: text or a number"),
        ({"answer": ["4"]}, "answer: found a list of 1; allowed: text or a number"),
        ({"responses": []}, "responses: found an empty list; allowed: a list of texts"),
        ({"responses": "a"}, "responses: found 'a'; allowed: a list of texts"),
        ({"responses": ["a", 2]}, "responses.1: found 2; allowed: a list of texts"),
        ({"correct": [True, "no"]}, "correct.1: found 'no'; allowed: a list of true, false"),
        ({"extracted": ["4"]}, "extracted: found a list of 1; allowed: one a response, 2"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(changes: dict[str, Any], reason: str) -> None:
    assert rejected(**changes).startswith(reason)
