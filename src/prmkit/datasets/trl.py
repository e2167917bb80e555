"""TRL's stepwise supervision: `prompt`, `completions` (the steps) and `labels` (true or false).

TRL makes whole numbers of its labels, so that a share of 0.9 would become 0: shares go in a column
of their own, `label_probs`, which TRL ignores and this module reads back in place of `labels`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from prmkit.datasets.fields import Fields
from prmkit.datasets.importing import Converted, Imported, convert_rows
from prmkit.datasets.rows import BadRow, Row
from prmkit.records import LabelledSolution

SHARES = "label_probs"
"""The extra column with labels as shares in [0, 1]."""


def read_trl(rows: Iterable[Row | BadRow]) -> Imported[LabelledSolution]:
    """Read labelled solutions; ids are `trl/row`.

    Labels are true, false or numbers in [0, 1], which stay what they are.
    """
    return convert_rows(rows, _solution, lambda solution: solution.solution_id)


def trl_rows(solutions: Sequence[LabelledSolution], threshold: float = 0.0) -> list[dict[str, Any]]:
    """Solutions as rows of TRL's format.

    Args:
        solutions: In order.
        threshold: A step is true if its label is above it, in [0, 1); 0 is hard estimation
            (arXiv 2501.07301: positive if any rollout is right).

    Returns:
        A row a solution. Where any label of any row is soft, every row has `label_probs` too.
    """
    soft = any(label not in (0.0, 1.0) for row in solutions for label in row.labels)
    rows: list[dict[str, Any]] = []
    for solution in solutions:
        row: dict[str, Any] = {
            "prompt": solution.question,
            "completions": list(solution.steps),
            "labels": [label > threshold for label in solution.labels],
        }
        rows.append(row | {SHARES: list(solution.labels)} if soft else row)
    return rows


def _solution(row: Row) -> Converted[LabelledSolution]:
    fields = Fields(row.values)
    steps = fields.texts("completions")
    column = SHARES if SHARES in fields else "labels"
    labels = fields.shares(column)
    if len(labels) != len(steps):
        raise fields.bad(column, f"{len(labels)} labels", f"{len(steps)}, one a completion")
    solution = LabelledSolution(
        solution_id=f"trl/{row.position}",
        question=fields.text("prompt"),
        steps=steps,
        labels=labels,
        source="trl",
    )
    soft = sum(label not in (0.0, 1.0) for label in labels)
    return Converted([solution], {"labels": len(labels), "soft labels": soft})
