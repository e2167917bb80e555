r"""Split a solution text into steps by one of several rules; what belongs together stays together.

| rule | a step begins at |
|---|---|
| `blank_line` | a line after a blank one, as in the Qwen2.5-Math PRMs (arXiv 2501.07301) |
| `line` | every line |
| `numbered` | a line that begins with "Step 1:", "## Step 2", "**Step 3**" and the like |

No step begins inside a code fence, display math ($$, \[, \begin) or a list. The items of a list on
adjacent lines are one step with what introduces them. Where blank lines part the items,
`blank_line` keeps bullets and letters together but not numbers, since "1. ...", blank line,
"2. ..." is how many models number their steps. A fence that never closes reaches the end of the
text (a cut-off one); display math that never closes is no display math.

Plain splitting at a delimiter, which is what a PRM was trained with, is `prmkit.steps`.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple

Rule = Literal["blank_line", "line", "numbered"]

_FENCE = re.compile(r"^[ \t]*(```+|~~~+)", re.MULTILINE)
_MATH = re.compile(r"\$\$|(?<!\\)\\[\[\]]|\\(begin|end)\{([A-Za-z]+\*?)\}")
_HEADING = re.compile(r"[ \t]*(?:#{1,6} *|>? *\**)?Step +\d+\b", re.IGNORECASE)
_BULLET = re.compile(r"[ \t]*(?:[-*+\u2022] +|\(?[A-Za-z]\) +|\(?[ivx]+\) +)\S")
_NUMBER = re.compile(r"[ \t]*\(?\d{1,3}[.)] +\S")
_INDENTED = re.compile(r"(?: {2,}|\t)\S")


class _Line(NamedTuple):
    start: int
    text: str

    @property
    def blank(self) -> bool:
        return not self.text.strip()


def split_text(text: str, rule: Rule = "blank_line", max_steps: int | None = None) -> list[str]:
    """Pieces of a text, one a step, that together are exactly the text.

    White space between two steps belongs to the first of them, white space before the first step to
    that step.

    Args:
        text: A solution.
        rule: Where a step begins.
        max_steps: At most so many pieces, at least 1; neighbours are joined evenly, the longer runs
            first. None = no limit.

    Returns:
        The pieces, with "".join(pieces) == text; a blank text is one piece, "" is none.

    Raises:
        ValueError: max_steps is below 1.
    """
    if max_steps is not None and max_steps < 1:
        raise ValueError(f"max_steps {max_steps}; allowed: at least 1")
    begins = [0, *_begins(text, rule), len(text)]
    pieces = [text[start:end] for start, end in pairwise(begins) if start < end]
    return pieces if max_steps is None else _joined(pieces, max_steps)


def _begins(text: str, rule: Rule) -> Iterator[int]:
    """Where a step other than the first begins, ascending."""
    kept_whole = _spans(text)
    starts = [start for start, _ in kept_whole]
    lines = [line for line in _lines(text) if not line.blank]
    blank_before = _blank_before(text, lines)
    in_list = False
    for place, (before, line) in enumerate(pairwise(lines), start=1):
        parted = blank_before[place]
        in_list = _continues_list(before, line, in_list=in_list, parted=parted)
        inside = bisect_right(starts, line.start - 1) - 1
        if inside >= 0 and kept_whole[inside][1] > line.start:
            continue
        if _is_begin(line, rule, parted=parted, in_list=in_list):
            yield line.start


def _is_begin(line: _Line, rule: Rule, *, parted: bool, in_list: bool) -> bool:
    if rule == "numbered":
        return _HEADING.match(line.text) is not None
    return not in_list and (parted or rule == "line")


def _continues_list(before: _Line, line: _Line, *, in_list: bool, parted: bool) -> bool:
    """Whether a line goes on with the list that stands before it, or with its introduction."""
    bullet = _BULLET.match(line.text) is not None
    after_bullet = _BULLET.match(before.text) is not None
    if parted:
        deeper = _INDENTED.match(line.text) is not None and (in_list or after_bullet)
        return deeper or (bullet and (after_bullet or in_list))
    item = bullet or _NUMBER.match(line.text) is not None
    after_item = after_bullet or _NUMBER.match(before.text) is not None
    introduced = before.text.rstrip().endswith(":")
    if item:
        return after_item or in_list or introduced
    return _INDENTED.match(line.text) is not None and (after_item or in_list)


def _lines(text: str) -> list[_Line]:
    parts = text.split("\n")
    starts = accumulate((len(part) + 1 for part in parts[:-1]), initial=0)
    return [_Line(start, part) for start, part in zip(starts, parts, strict=True)]


def _blank_before(text: str, lines: list[_Line]) -> list[bool]:
    """Whether a blank line stands before each line that is not blank."""
    ends = [0, *(line.start + len(line.text) for line in lines)]
    return [text.count("\n", end, line.start) > 1 for end, line in zip(ends, lines, strict=False)]


def _spans(text: str) -> list[tuple[int, int]]:
    """Stretches that no step begins inside of, ascending and apart."""
    fences = list(_fences(text))
    starts = [start for start, _ in fences]

    def outside(place: int) -> bool:
        at = bisect_right(starts, place) - 1
        return at < 0 or fences[at][1] <= place

    marks = [mark for mark in _MATH.finditer(text) if outside(mark.start())]
    return _merged(sorted([*fences, *_dollars(marks), *_brackets(marks), *_environments(marks)]))


def _fences(text: str) -> Iterator[tuple[int, int]]:
    opened: re.Match[str] | None = None
    for mark in _FENCE.finditer(text):
        if opened is None:
            opened = mark
        elif mark[1][0] == opened[1][0] and len(mark[1]) >= len(opened[1]):
            yield opened.start(), mark.end()
            opened = None
    if opened is not None:
        yield opened.start(), len(text)


def _dollars(marks: list[re.Match[str]]) -> Iterator[tuple[int, int]]:
    dollars = [mark for mark in marks if mark[0] == "$$"]
    for opening, closing in zip(dollars[::2], dollars[1::2], strict=False):
        yield opening.start(), closing.end()


def _brackets(marks: list[re.Match[str]]) -> Iterator[tuple[int, int]]:
    opened: int | None = None
    for mark in marks:
        if mark[0] == r"\[":
            opened = mark.start()
        elif mark[0] == r"\]" and opened is not None:
            yield opened, mark.end()
            opened = None


def _environments(marks: list[re.Match[str]]) -> Iterator[tuple[int, int]]:
    opened: dict[str, list[int]] = {}
    for mark in marks:
        if mark[1] == "begin":
            opened.setdefault(mark[2], []).append(mark.start())
        elif mark[1] == "end" and opened.get(mark[2]):
            yield opened[mark[2]].pop(), mark.end()


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _joined(pieces: list[str], n: int) -> list[str]:
    """At most n runs of neighbouring pieces, as equal in number as can be."""
    if len(pieces) <= n:
        return pieces
    size, longer = divmod(len(pieces), n)
    ends = [0, *accumulate(size + (run < longer) for run in range(n))]
    return ["".join(pieces[start:end]) for start, end in pairwise(ends)]
