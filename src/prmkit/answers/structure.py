r"""Compare answers that are formulas, or lists, tuples, sets, intervals and unions of formulas.

A pair is called different only where every reading of it is (a list may be a set or a tuple, a last
letter may be a unit), and equal only where the formulas are identical as exact algebra; the rest is
left to math-verify. Where it differs from math-verify is said in docs/answers.md.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from prmkit.answers.floating import Bounded, Floating, apart
from prmkit.answers.formula import Unsure, evaluate
from prmkit.answers.rational import Rational, identical
from prmkit.answers.readings import Inequality, as_inequality, inverse_readings, without_degrees

_LONGEST = 500
_MOST_ITEMS = 30
_FAR = 1e100
_CLEAR = 1e-4
_FLOATING = Floating()
_WHOLE = (Floating(whole=1), Floating(whole=2))
_RATIONAL = Rational()

_LIST_WORD = re.compile(
    r",?(?:\\(?:text|mathrm|textrm|mbox) ?\{ ?,?(?:and|or),? ?\}"
    r"|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z]))"
)
_SET_BRACES = re.compile(r"\\([{}])")
# 1,234 may be one number or two; so may 1,5 where a comma is the decimal point.
_GROUPED_DIGITS = re.compile(r"(?<![0-9])[1-9][0-9]{0,2}(?:,[0-9]{3})+(?![0-9])")
_DECIMAL_COMMA = re.compile(r"-?[0-9]+,[0-9]+")
_SPACED_DIGITS = re.compile(r"-?[1-9][0-9]{0,2}(?:, ?[0-9]{3})+")
_PLAIN_LEFT_SIDE = re.compile(r"\\?[A-Za-z]+(?:_(?:\{\w+\}|\w))?(?:\([A-Za-z]\))?")
_SYMBOL_TUPLE = re.compile(r"\((?:[A-Za-z](?:_(?:\{\w+\}|\w))?,)+[A-Za-z](?:_(?:\{\w+\}|\w))?\)")
# A last letter may be a unit (0.64N); math-verify drops these without looking: 2m, 5 h.
_LAST_LETTER = re.compile(r"(?<=[0-9} )])[A-Za-hj-z]$")
_ARGUMENT = re.compile(r"\\(?:(?:arc)?(?:sin|cos|tan)|cot|sec|csc|ln)(?:\^[23] ?| )[A-Za-z]$")
_DROPPED_LETTERS = "thclsgmdo"
_FUNCTION_OR_PRODUCT = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?:_\w|_\{\w+\})?\(")
_STEPS = re.compile(r"\\l(?:floor|ceil)(?![A-Za-z])|!")
_MATRIX = re.compile(r"\\begin\{[pb]?matrix\}(.*)\\end\{[pb]?matrix\}", re.DOTALL)
_ROWS = "matrix"
_INTERVAL = re.compile(r"\\infty|\\cup")
_INFINITY = {r"\infty": "+", r"+\infty": "+", r"-\infty": "-"}


class _Value(NamedTuple):
    """A formula with its value in floats; the second one with a last letter taken for a unit."""

    text: str
    readings: tuple[Bounded, ...]


class _Infinite(NamedTuple):
    sign: str


class _Group(NamedTuple):
    """A tuple or interval with its brackets, or a matrix of such rows."""

    brackets: str
    items: "tuple[_Item, ...]"


class _Union(NamedTuple):
    parts: "tuple[_Item, ...]"


_Item = _Value | _Infinite | _Group | _Union


class _Answer(NamedTuple):
    items: tuple[_Item, ...]
    kind: str
    """`single`, `list`, `tuple` (a single group, its items), or `set`."""
    left: str
    """What stands before an equals sign, or empty."""
    earlier: tuple[str, ...]
    """Pieces of a chain a = b = c before the last."""


def compare_formulas(answer: str, reference: str) -> bool | None:
    """Whether two answers in normal form are equal; None where that is not certain."""
    if len(answer) > _LONGEST or len(reference) > _LONGEST:
        return None
    a, r = as_inequality(answer), as_inequality(reference)
    if a or r:
        return _compare_inequalities((answer, a), (reference, r))
    # What takes steps is compared at whole numbers: n may stand for those only.
    steps = _STEPS.search(answer) or _STEPS.search(reference)
    for numbers in _WHOLE if steps else (_FLOATING,):
        try:
            return _compare(answer, reference, numbers)
        except Unsure:
            continue
    return None


def _compare_inequalities(
    answer: tuple[str, Inequality | None], reference: tuple[str, Inequality | None]
) -> bool | None:
    """Inequalities of one letter, or one and an interval, by where they hold."""
    found = [inequality for _, inequality in (answer, reference) if inequality]
    texts = [
        inequality.interval if inequality else text for text, inequality in (answer, reference)
    ]
    if len(found) == 1 and not any(_INTERVAL.search(text) for text in (answer[0], reference[0])):
        return None
    if len({inequality.letter for inequality in found}) > 1:
        return None
    try:
        same = _compare(texts[0], texts[1], _FLOATING)
    except Unsure:
        return None
    if same is False:
        return False if found[0].is_of_reals else None
    # x > 2 may be meant by its set or not: not for us to say
    return same if len(found) == 2 else None


def _compare(answer: str, reference: str, numbers: Floating) -> bool | None:
    found = [_compare_read(a, r, numbers) for a, r in without_degrees(answer, reference)]
    if len(found) == 1:
        return found[0]
    return None if any(same is not False for same in found) else False


def _compare_read(answer: str, reference: str, numbers: Floating) -> bool | None:
    a, r = _read(answer, numbers), _read(reference, numbers)
    same = _same_items(a, r)
    if same is False and not _left_sides_allow_difference(a, r, numbers):
        return None
    if same is True and not _left_sides_allow_equality(a, r):
        return None
    if same is False and _may_be_one_number(answer, a, reference, r):
        return None
    return same


def _left_sides_allow_difference(a: _Answer, r: _Answer, numbers: Floating) -> bool:
    """Different right sides prove something only where it is clear that they are compared."""
    if a.left and r.left:
        return a.left == r.left and _is_plain(a.left)
    if r.left:
        return _is_plain(r.left)
    # 5 = x answers 5 as well.
    return all(_surely_other(piece, r, numbers) for piece in a.earlier)


def _left_sides_allow_equality(a: _Answer, r: _Answer) -> bool:
    if a.left and r.left:
        return a.left == r.left and _is_plain(a.left)
    return _is_plain(r.left) if r.left else True


def _is_plain(left: str) -> bool:
    return bool(_PLAIN_LEFT_SIDE.fullmatch(left) or _SYMBOL_TUPLE.fullmatch(left))


def _surely_other(piece: str, r: _Answer, numbers: Floating) -> bool:
    try:
        return _same_items(_read(piece, numbers), r) is False
    except Unsure:
        # What is no formula (a name, words) is no answer by itself.
        return True


def _may_be_one_number(answer: str, a: _Answer, reference: str, r: _Answer) -> bool:
    """Whether commas, read as a decimal point or within a long number, make both sides equal."""
    for text, other in ((answer, r), (reference, a)):
        if other.kind != "single":
            continue
        numbers = [text.replace(",", ".")] if _DECIMAL_COMMA.fullmatch(text) else []
        if _SPACED_DIGITS.fullmatch(text):
            numbers.append(re.sub(", ?", "", text))
        if any(_same(_value(n, _FLOATING), other.items[0]) is not False for n in numbers):
            return True
    return False


def _read(text: str, numbers: Floating) -> _Answer:
    text = _SET_BRACES.sub(lambda brace: "\\lbrace " if brace[1] == "{" else "\\rbrace ", text)
    text = text.replace("$", "").replace(";", ",").replace("\u00b1", r"\pm ")
    text = _LIST_WORD.sub(",", text).strip(", ")
    if _GROUPED_DIGITS.search(text):
        raise Unsure("1,234 or 1, 234")
    pieces = [_sides(piece) for piece in _split(text, ",")]
    if len(pieces) > _MOST_ITEMS:
        raise Unsure("many items")
    lefts = [sides[0] for sides in pieces if len(sides) > 1]
    if len(pieces) > 1 and lefts and len(set(lefts)) > 1:
        raise Unsure("several unknowns")
    rights = [expanded for sides in pieces for expanded in _expanded(sides[-1])]
    earlier = tuple(piece for sides in pieces for piece in sides[:-1])
    left = lefts[0] if lefts else ""
    if len(rights) > 1:
        return _Answer(tuple(_item(x, numbers) for x in rights), "list", left, earlier)
    only = rights[0].strip()
    if only.startswith("\\lbrace") and only.endswith("\\rbrace"):
        inner = only.removeprefix("\\lbrace").removesuffix("\\rbrace").strip()
        parts = [e for part in _split(inner, ",") for e in _expanded(part)]
        return _Answer(tuple(_item(x, numbers) for x in parts), "set", left, earlier)
    item = _item(only, numbers)
    if isinstance(item, _Group):
        return _Answer((item,), "tuple", left, earlier)
    return _Answer((item,), "single", left, earlier)


def _sides(piece: str) -> list[str]:
    return [side.strip() for side in _split(piece, "=")]


def _split(text: str, separator: str) -> list[str]:
    """Pieces between separators that stand outside all brackets."""
    if separator not in text:
        return [text]
    pieces, start, depth = [], 0, 0
    for i, character in enumerate(text):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif text.startswith(("\\lbrace", "\\rbrace"), i):
            depth += 1 if text[i + 1] == "l" else -1
        elif character == separator and depth == 0:
            pieces.append(text[start:i])
            start = i + 1
    return [*pieces, text[start:]]


def _expanded(text: str) -> list[str]:
    r"""3 \pm x as 3 + x and 3 - x."""
    if "\\pm" not in text:
        return [text]
    if text.count("\\pm") > 1 or "(" in text.split("\\pm")[0]:
        raise Unsure("two signs")
    return [text.replace("\\pm", "+"), text.replace("\\pm", "-")]


def _item(text: str, numbers: Floating) -> _Item:
    text = text.strip()
    matrix = _MATRIX.fullmatch(text)
    if matrix:
        rows = [row.split("&") for row in matrix[1].split("\\\\") if row.strip()]
        cells = (_Group("", tuple(_value(cell.strip(), numbers) for cell in row)) for row in rows)
        return _Group(_ROWS, tuple(cells))
    if r"\cup" in text:
        return _Union(tuple(_item(part, numbers) for part in text.split(r"\cup")))
    infinite = _INFINITY.get(text.replace(" ", ""))
    if infinite:
        return _Infinite(infinite)
    if text[:1] in {"(", "["} and text[-1:] in {")", "]"}:
        inner = _split(text[1:-1], ",")
        if len(inner) > 1:
            return _Group(text[0] + text[-1], tuple(_item(x, numbers) for x in inner))
    return _value(text, numbers)


def _value(text: str, numbers: Floating) -> _Value:
    readings = [evaluate(reading, numbers) for reading in inverse_readings(text)]
    unit = _LAST_LETTER.search(text)
    if unit and not _ARGUMENT.search(text):
        readings.append(evaluate(text[: unit.start()], numbers))
    return _Value(text, tuple(readings))


def _same_items(a: _Answer, r: _Answer) -> bool | None:
    a_items, r_items = a.items, r.items
    if a.kind == r.kind == "tuple":
        return _same(a_items[0], r_items[0])
    ordered = False
    # (1, 2) may be written 1, 2, and the other way round.
    if "tuple" in (a.kind, r.kind) and {a.kind, r.kind} & {"list", "set"}:
        bare = r_items if a.kind == "tuple" else a_items
        if not any(isinstance(item, _Group) for item in bare):
            a_items, r_items = _inner(a), _inner(r)
            ordered = True
    return _same_collections(a_items, r_items, ordered=ordered)


def _inner(answer: _Answer) -> tuple[_Item, ...]:
    only = answer.items[0]
    flat = answer.kind == "tuple" and isinstance(only, _Group) and only.brackets != _ROWS
    return only.items if flat and isinstance(only, _Group) else answer.items


def _same_collections(
    a_items: Sequence[_Item], r_items: Sequence[_Item], *, ordered: bool
) -> bool | None:
    """Different if one holds what the other has not; equal if they match one to one."""
    grid = [[_same(a, r) for r in r_items] for a in a_items]
    columns = [list(column) for column in zip(*grid, strict=True)]
    if any(all(same is False for same in line) for line in (*grid, *columns)):
        return False
    if len(a_items) != len(r_items):
        return None
    if ordered:
        return True if all(grid[i][i] is True for i in range(len(grid))) else None
    one_each = all(sum(same is not False for same in line) == 1 for line in (*grid, *columns))
    return True if one_each and all(True in line for line in grid) else None


def _same(a: _Item, b: _Item) -> bool | None:
    if isinstance(a, _Value) and isinstance(b, _Value):
        return _same_values(a, b)
    if isinstance(a, _Infinite) and isinstance(b, _Infinite):
        return a == b
    if isinstance(a, _Group) and isinstance(b, _Group):
        return _same_groups(a, b)
    if isinstance(a, _Union) or isinstance(b, _Union):
        return _same_unions(a, b)
    return False


def _same_groups(a: _Group, b: _Group) -> bool | None:
    if (a.brackets == _ROWS) != (b.brackets == _ROWS):
        # A column may be meant by (1, 2, 3), if its entries are these.
        a, b = (_Group("", _cells(group)) for group in (a, b))
        return False if _same_groups(a, b) is False else None
    if len(a.items) != len(b.items):
        return False
    same = [_same(x, y) for x, y in zip(a.items, b.items, strict=True)]
    if False in same:
        return False
    if a.brackets != b.brackets:
        # (1, 2) and [1, 2] may be the same pair; with an infinite end they are intervals.
        return False if any(isinstance(item, _Infinite) for item in a.items) else None
    return True if all(same) else None


def _cells(group: _Group) -> "tuple[_Item, ...]":
    inner = [item.items if isinstance(item, _Group) else (item,) for item in group.items]
    return tuple(item for items in inner for item in items)


def _same_unions(a: _Item, b: _Item) -> bool | None:
    """Equal if made of equal parts; different if some number lies in one and not in the other."""
    a_parts, b_parts = (x.parts if isinstance(x, _Union) else (x,) for x in (a, b))
    if _same_collections(a_parts, b_parts, ordered=False):
        return True
    spans_a, spans_b = ([_span(part) for part in parts] for parts in (a_parts, b_parts))
    ends = sorted({end for span in (*spans_a, *spans_b) for end in span})
    between = [(low + high) / 2 for low, high in pairwise(ends) if high - low > _CLEAR]
    inside_a, inside_b = (
        [any(low < x < high for low, high in spans) for x in between]
        for spans in (spans_a, spans_b)
    )
    return None if inside_a == inside_b else False


def _span(part: _Item) -> tuple[float, float]:
    """The ends of an interval."""
    if not isinstance(part, _Group) or len(part.items) != 2:
        raise Unsure("not an interval")
    low, high = (_end(item) for item in part.items)
    if low >= high:
        raise Unsure("not an interval")
    return low, high


def _end(item: _Item) -> float:
    if isinstance(item, _Infinite):
        return _FAR if item.sign == "+" else -_FAR
    if not isinstance(item, _Value) or len(item.readings) > 1 or item.readings[0].value.imag:
        raise Unsure("not a real end")
    return item.readings[0].value.real


def _same_values(a: _Value, b: _Value) -> bool | None:
    if all(apart(x, y) for x in a.readings for y in b.readings):
        return False
    if (
        a.text[-1] in _DROPPED_LETTERS
        or b.text[-1] in _DROPPED_LETTERS
        or _FUNCTION_OR_PRODUCT.search(a.text + " " + b.text)
    ):
        # A unit or not, a product or a function's argument: not for us to say.
        return None
    try:
        return True if identical(evaluate(a.text, _RATIONAL), evaluate(b.text, _RATIONAL)) else None
    except Unsure:
        return None
