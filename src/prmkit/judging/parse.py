r"""Reading a judge's verdict: the last \boxed{index} of its text.

As in ProcessBench (arXiv 2412.06559), the index is 0-based and -1 means that no step is wrong. The
last box wins over mentions in the reasoning. Where ProcessBench counts a reply that cannot be read
as a wrong prediction, it is unscored here, with a reason; so is an index that no step has.
"""

import re
from typing import Literal

from prmkit.records import Verdict

Unreadable = Literal["no_verdict", "not_an_integer", "out_of_range"]

_BOX = re.compile(r"\\boxed\s*\{")
_INTEGER = re.compile(r"\s*([+-]?[0-9]+)\s*\}")
_MOST_DIGITS = 9  # a longer number is out of any range, and int() refuses very long ones


def parse_verdict(text: str, n_steps: int) -> Verdict:
    """Read one vote.

    Args:
        text: What the judge wrote.
        n_steps: Steps of the judged solution.

    Returns:
        The place of the first error, None for -1; or unscored with one of `Unreadable`.
    """
    boxes = list(_BOX.finditer(text))
    if not boxes:
        return _unreadable("no_verdict", text)
    number = _INTEGER.match(text, boxes[-1].end())
    if number is None:
        return _unreadable("not_an_integer", text)
    index = int(number[1]) if len(number[1]) <= _MOST_DIGITS else n_steps
    if not -1 <= index < n_steps:
        return _unreadable("out_of_range", text)
    return Verdict(first_error=None if index == -1 else index, text=text)


def _unreadable(reason: Unreadable, text: str) -> Verdict:
    return Verdict(unscored=reason, text=text)
