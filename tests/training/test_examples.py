import pytest
from tiny_models import tiny_tokenizer

from prmkit.records import LabelledSolution
from prmkit.scoring.families import FAMILIES, Formatter, TokenRow
from prmkit.training.examples import IGNORED, Example, build_examples

FORMATTER = Formatter(tiny_tokenizer("<extra_0>"), FAMILIES["prmkit"])


def solution(
    steps: tuple[str, ...] = ("a", "b"), labels: tuple[float, ...] = (1.0, 0.0), name: str = "s"
) -> LabelledSolution:
    return LabelledSolution(
        solution_id=name, question="q?", steps=steps, labels=labels, source="oracle"
    )


def one(row: LabelledSolution) -> Example:
    found = build_examples([row], FORMATTER, 512, "mse")
    assert found.rejected == []
    return found.rows[0]


def test_ids_of_training_equal_ids_of_scoring() -> None:
    scored = FORMATTER.tokenise("q?", ["a", "b"], 512)
    assert isinstance(scored, TokenRow)
    assert one(solution()).ids == scored.ids


def test_labels_stand_on_the_step_tokens_and_nowhere_else() -> None:
    row = one(solution(labels=(0.75, 0.25)))
    step_token = FORMATTER.step_token_id
    assert len(row.labels) == len(row.ids)
    assert [label for label in row.labels if label != IGNORED] == [0.75, 0.25]
    assert all(
        (label != IGNORED) == (token == step_token)
        for label, token in zip(row.labels, row.ids, strict=True)
    )


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        (("a", "b<extra_0>"), "special token <extra_0>"),
        (("a<|im_end|>", "b"), "special token <|im_end|>"),
        (("a", " "), "step 1 is empty"),
        (("a", "b" * 200), "at most 100 allowed"),
    ],
)
def test_an_unusable_row_is_rejected_with_its_reason_and_the_rest_goes_on(
    steps: tuple[str, ...], reason: str
) -> None:
    rows = [solution(name="x"), solution(steps, name="y"), solution(name="z")]
    found = build_examples(rows, FORMATTER, 100, "cross_entropy")
    assert [row.solution_id for row in found.rows] == ["x", "z"]
    assert [(r.row, reason in r.reason) for r in found.rejected] == [("y", True)]
    assert found.n_labels == 4


def test_cross_entropy_refuses_a_soft_label_that_squared_error_takes() -> None:
    soft = solution(labels=(1.0, 0.5))
    (rejected,) = build_examples([soft], FORMATTER, 512, "cross_entropy").rejected
    assert "0.5 is soft" in rejected.reason
    assert build_examples([soft], FORMATTER, 512, "mse").n_labels == 2
