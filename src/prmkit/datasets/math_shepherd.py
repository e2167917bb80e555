"""Math-Shepherd (arXiv 2312.08935): steps labelled hard by Monte Carlo.

A row holds the text twice: `input` is the question and `Step i: ...` with a mark after each step,
`label` the same text with `+` or `-` in place of each mark. Both must agree character by character.
Steps keep their `Step i:`; every published step is kept, those after the first wrong one too.
"""

import re
from collections.abc import Iterable

from prmkit.datasets.fields import Fields
from prmkit.datasets.importing import Converted, Imported, convert_rows
from prmkit.datasets.rows import BadRow, Row
from prmkit.records import LabelledSolution

MARK = "\u043a\u0438"
"""What ends a step in `input`: two Cyrillic letters."""

_SIGNS = {"+": 1.0, "-": 0.0}
_FIRST = re.compile(r"(?<!\S)Step 1\s*:")


def read_math_shepherd(rows: Iterable[Row | BadRow]) -> Imported[LabelledSolution]:
    """Read labelled solutions; their ids are `math_shepherd/task/row`."""
    return convert_rows(rows, _solution, lambda solution: solution.solution_id)


def _solution(row: Row) -> Converted[LabelledSolution]:
    fields = Fields(row.values)
    pieces = fields.text("input").split(MARK)
    labels = _labels(fields, pieces)
    head, *following = pieces[:-1]
    begins = _FIRST.search(head)
    if begins is None or not head[: begins.start()].strip():
        raise fields.bad("input", "no question before `Step 1:`", "question, then `Step 1: ...`")
    steps = tuple(text.strip() for text in (head[begins.start() :], *following))
    if not all(steps):
        raise fields.bad("input", "a mark without a step before it", "a step before each mark")
    solution = LabelledSolution(
        solution_id=f"math_shepherd/{fields.text('task').lower()}/{row.position}",
        question=head[: begins.start()].strip(),
        steps=steps,
        labels=labels,
        source="mc",
    )
    n_right = int(sum(labels))
    return Converted([solution], {"steps +": n_right, "steps -": len(labels) - n_right})


def _labels(fields: Fields, pieces: list[str]) -> tuple[float, ...]:
    """Signs at the places of the marks, after a check that the rest of both texts is the same."""
    if len(pieces) == 1 or pieces[-1].strip():
        raise fields.bad("input", "no mark at its end", f"{MARK} after each step")
    label = fields.text("label")
    labels: list[float] = []
    at = 0
    for step, piece in enumerate(pieces[:-1]):
        at += len(piece)
        sign = label[at : at + 1]
        if label[at - len(piece) : at] != piece or sign not in _SIGNS:
            found = f"another text than input up to mark {step + 1}"
            raise fields.bad("label", found, "the text of input with + or - for each mark")
        labels.append(_SIGNS[sign])
        at += 1
    if label[at:].strip():
        raise fields.bad("label", "text after the last mark", "the text of input")
    return tuple(labels)
