"""Where the columns of a row place the first error."""

from typing import Any

import pytest

from prmkit.datasets.annotations import read_annotations
from prmkit.datasets.rows import rows_of

CASE: dict[str, Any] = {
    "id": "math-7",
    "generator": "m",
    "problem": "P?",
    "steps": ["a", "b"],
    "final_answer_correct": False,
    "label": 1,
}


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (CASE, 1),
        ({"id": "math-7", "prediction": 0}, 0),
        ({**CASE, "prediction": 0}, 0),  # what a system said, beside the truth
        ({"id": "math-7", "prediction": -1}, None),
        ({"solution_id": "p/m/0", "labels": [1.0, 0.6, 0.4]}, 2),
        ({"case_id": "c", "first_error": 3}, 3),
    ],
)
def test_a_place_is_read_from_any_of_four_columns(row: dict[str, Any], place: int | None) -> None:
    (found,) = read_annotations(rows_of([("f", [row])])).records
    assert found.first_error == place


def test_a_row_that_places_nothing_is_rejected_with_its_columns() -> None:
    (bad,) = read_annotations(rows_of([("f", [{"solution_id": "p", "text": "x"}])])).rejected
    assert "found columns solution_id, text" in bad.reason
    assert "first_error, labels, label or prediction" in bad.reason
