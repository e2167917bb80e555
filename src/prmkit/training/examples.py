"""Labelled solutions to training rows: token ids, and a label at each step token and nowhere else.

The label stands on the step token that follows the step (arXiv 2501.07301, section 2.1: the last
token of each step). A row that cannot be used is rejected with its reason and never cut: a cut row
would lose labels, or all of them, in silence.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from prmkit.records import LabelledSolution, Rejected
from prmkit.scoring.families import Formatter, Unusable

IGNORED = -100.0
"""Label of a token that carries none; the mark that transformers counts labels by."""

DECISION = 0.5
"""Scores and labels below this mean "wrong"."""

Loss = Literal["cross_entropy", "mse"]


class Example(NamedTuple):
    """One training row."""

    solution_id: str
    """Where it comes from."""
    ids: list[int]
    """The chat in tokens."""
    labels: list[float]
    """One a token: the step's label in [0, 1] at its step token, `IGNORED` elsewhere."""

    @property
    def n_wrong(self) -> int:
        """Steps whose label says that they are wrong."""
        return sum(0.0 <= label < DECISION for label in self.labels)


class Examples(NamedTuple):
    """Rows ready to train on, and those that were not usable; together all that came in."""

    rows: list[Example]
    """In the order of the solutions."""
    rejected: list[Rejected]
    """Each with its reason."""

    @property
    def n_labels(self) -> int:
        """Supervised steps."""
        return sum(label != IGNORED for row in self.rows for label in row.labels)

    @property
    def n_wrong(self) -> int:
        """Of these, those whose label says that they are wrong."""
        return sum(row.n_wrong for row in self.rows)


def build_examples(
    solutions: Sequence[LabelledSolution], formatter: Formatter, max_tokens: int, loss: Loss
) -> Examples:
    """Write solutions in tokens.

    Args:
        solutions: What to train on.
        formatter: How the PRM wants its text; the same as for scoring.
        max_tokens: A longer row is rejected.
        loss: `cross_entropy` rejects labels that are neither 0 nor 1.
    """
    rows: list[Example] = []
    rejected: list[Rejected] = []
    for solution in solutions:
        row = _example(solution, formatter, max_tokens, loss)
        if isinstance(row, Unusable):
            rejected.append(Rejected(row=solution.solution_id, reason=row.reason))
        else:
            rows.append(row)
    return Examples(rows, rejected)


def _example(
    solution: LabelledSolution, formatter: Formatter, max_tokens: int, loss: Loss
) -> Example | Unusable:
    soft = next((label for label in solution.labels if label not in (0.0, 1.0)), None)
    if loss == "cross_entropy" and soft is not None:
        return Unusable(f"label {soft} is soft; cross_entropy takes 0 or 1, mse takes any share")
    row = formatter.tokenise(solution.question, solution.steps, max_tokens)
    if isinstance(row, Unusable):
        return row
    labels = [IGNORED] * len(row.ids)
    for position, label in zip(row.positions, solution.labels, strict=True):
        labels[position] = label
    return Example(solution.solution_id, row.ids, labels)
