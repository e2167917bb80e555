r"""Spellings with several readings (degrees within functions, \sin^{-1}), and inequalities.

Two answers are different only if every reading of them is.
"""

import re
from typing import NamedTuple

from prmkit.answers.formula import Unsure

_DEGREE = re.compile(r"\^\{\\circ\}|\^\\circ|\\degree|\u00b0")
_DEGREES = re.compile(rf"([0-9]+(?:\.[0-9]+)?) ?(?:{_DEGREE.pattern})")
_ANGLE = re.compile(r"\\(?:(?:arc)?(?:sin|cos|tan)|cot|sec|csc|pi)(?![A-Za-z])")
_INVERSE = re.compile(r"\\(sin|cos|tan) ?\^\{-1\}")
_RECIPROCAL = {"sin": "\\csc ", "cos": "\\sec ", "tan": "\\cot "}

_SIGN = re.compile(r"(<|>|\\(?:le|ge|lt|gt|leq|geq|leqslant|geqslant)(?![A-Za-z]))")
_LETTER = re.compile(r"[A-Za-z]")
_WHOLE_NUMBERS = frozenset("ijklmnpqIJKLMNPQ")


class Inequality(NamedTuple):
    """What an inequality says of one letter."""

    letter: str
    interval: str
    """The same as an interval's text."""

    @property
    def is_of_reals(self) -> bool:
        """Whether the letter is none that commonly stands for whole numbers alone."""
        return self.letter not in _WHOLE_NUMBERS


def as_inequality(text: str) -> Inequality | None:
    r"""The interval (2,\infty) of x > 2, [1,3) of 1 \le x < 3; None for anything else."""
    pieces = [piece.strip() for piece in _SIGN.split(text)]
    falls = {sign == ">" or sign.startswith("\\g") for sign in pieces[1::2]}
    if len(falls) != 1:
        return None
    if True in falls:
        pieces.reverse()
    sides, closed = pieces[::2], ["e" in sign for sign in pieces[1::2]]
    low, high = ("(", r"-\infty"), (r"\infty", ")")
    match [_LETTER.fullmatch(side) is not None for side in sides]:
        case [False, True] | [False, True, False]:
            letter, low = sides[1], ("[" if closed[0] else "(", sides[0])
        case [True, False]:
            letter = sides[0]
        case _:
            return None
    if sides[-1] != letter:
        high = (sides[-1], "]" if closed[-1] else ")")
    if letter in low[1] + high[0]:
        return None
    return Inequality(letter, f"{low[0]}{low[1]},{high[0]}{high[1]}")


def without_degrees(answer: str, reference: str) -> list[tuple[str, str]]:
    """Both texts without degree signs, once for each reading.

    Where neither side can be in radians the signs are idle. Beside a function of an angle they are
    read as factors of pi/180, and as idle.

    Raises:
        Unsure: one side has a function of an angle and no degrees, or of something else in degrees.
    """
    pair = (answer, reference)
    if _DEGREE.search(answer + reference) is None:
        return [pair]
    angles = [_ANGLE.search(text.rpartition("=")[2]) is not None for text in pair]
    readings = [_both(_DEGREE, "", pair)]
    if any(angles):
        readings.append(_both(_DEGREES, r"(\1\\cdot\\pi/180)", pair))
    in_degrees = [_DEGREE.search(text) is not None for text in pair]
    converted = "".join(readings[-1])
    if any(a and not d for a, d in zip(angles, in_degrees, strict=True)) or (
        _DEGREE.search(converted) is not None
    ):
        raise Unsure("degrees or radians")
    return readings


def inverse_readings(text: str) -> list[str]:
    r"""\sin^{-1} as the arc sine and as the reciprocal; the text itself where it has none."""
    if _INVERSE.search(text) is None:
        return [text]
    arc = _INVERSE.sub(r"\\arc\1 ", text)
    return [arc, _INVERSE.sub(lambda found: _RECIPROCAL[found[1]], text)]


def _both(pattern: re.Pattern[str], to: str, pair: tuple[str, str]) -> tuple[str, str]:
    return pattern.sub(to, pair[0]), pattern.sub(to, pair[1])
