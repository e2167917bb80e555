"""What records refuse."""

import pytest
from pydantic import ValidationError

from prmkit.analysis.result import Column, Table
from prmkit.records import LabelledSolution, OracleAnnotation


def test_an_unscored_annotation_places_no_error() -> None:
    assert OracleAnnotation(solution_id="s", unscored="time-out").first_error is None
    with pytest.raises(ValidationError, match="an unscored annotation has no first_error"):
        OracleAnnotation(solution_id="s", first_error=0, unscored="time-out")


@pytest.mark.parametrize(
    ("labels", "why"),
    [((1.0,), "2 steps but 1 labels"), ((1.0, 1.5), r"labels must lie in \[0, 1\]")],
)
def test_every_step_has_one_label_between_0_and_1(labels: tuple[float, ...], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        LabelledSolution(
            solution_id="s", question="?", steps=("a", "b"), labels=labels, source="mc"
        )


def test_a_table_has_one_cell_a_column() -> None:
    with pytest.raises(ValidationError, match="2 columns but 1 cells"):
        Table(title="t", columns=(Column(name="a"), Column(name="b")), rows=(("x",),))
