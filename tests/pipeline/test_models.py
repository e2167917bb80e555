"""Claims about the labels that arms learn from."""

from rollouts_script import PROBLEM, C, W, solution

from prmkit.config import ArmConfig
from prmkit.pipeline.models import LabelBook
from prmkit.records import McAnnotation, StepEstimate

# 4, 3 and 2 of 4 draws correct: progress 1, 0.75 and 0.67
STEPS = tuple(
    StepEstimate(outcomes=outcomes, hard=True)
    for outcomes in ((C, C, C, C), (C, C, C, W), (C, C, W, W))
)
MC = McAnnotation(solution_id="p/m/0", annotator="exhaustive", k=4, threshold=0, steps=STEPS)
BOOK = LabelBook({"p/m/0": solution(3)}, {"p": PROBLEM}, {"mc": [MC]}, [])


def labels(arm: ArmConfig) -> tuple[float, ...]:
    (row,) = BOOK.labels(arm)
    assert row.source == "mc"
    return row.labels


def test_an_arm_learns_from_hard_labels_shares_or_progress_of_the_same_draws() -> None:
    assert labels(ArmConfig(name="a", labels="mc")) == (1.0, 1.0, 1.0)
    assert labels(ArmConfig(name="a", labels="mc_soft")) == (1.0, 0.75, 0.5)
    assert labels(ArmConfig(name="a", labels="mc_progress")) == (1.0, 0.0)
    assert labels(ArmConfig(name="a", labels="mc_progress", progress=0.7)) == (1.0, 1.0, 0.0)
