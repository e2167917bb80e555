r"""Decide the easy pairs of answers without any algebra system, and only when certain.

Equal texts, numbers as exact fractions (integers, decimals, thousands separators, simple
fractions, mixed numbers, powers of ten, with percent, degree, currency or unit), choice letters and
plain words. Everything else is passed on undecided.

Numbers of which one is written as a decimal are called different only where they lie well outside
math-verify's tolerance (6 decimals), so that a rounded answer is left to it.
"""

import re
from fractions import Fraction
from typing import Literal, NamedTuple

from prmkit.answers.extract import boxed_answer
from prmkit.answers.structure import compare_formulas

Method = Literal["text", "number", "choice", "word", "formula"]


class Decision(NamedTuple):
    """What the exact comparison found and by which rule."""

    equal: bool
    method: Method


class _Quantity(NamedTuple):
    value: Fraction
    rounded: bool
    """Written as a decimal, hence possibly rounded."""
    unit: str
    """`%`, `degree`, a unit's text, or empty."""


_UNIT_WORDS = """
mm cm km kg mg ml lb lbs oz ft mph inch inches foot feet yard yards mile miles meter meters metre
metres centimeter centimeters kilometer kilometers gram grams kilogram kilograms pound pounds
ounce ounces ton tons liter liters litre litres second seconds minute minutes hour hours day days
week weeks month months year years cent cents dollar dollars euro euros unit units
"""
_UNITS = frozenset(_UNIT_WORDS.split())
# Words after a number that change its value or make it a part of something longer.
_NOT_A_UNIT = re.compile(
    r"[^A-Za-z ./]|^\W*[A-Za-z]\W*$|\b(?:hundred|thousand|million|billion|trillion|dozen|score|"
    r"pairs?|and|or|to|over|plus|minus|times|half|halves|third|thirds|quarter|quarters|mod|base|pi|am|pm|remainder|"
    r"per ?cent(?:age)?|pct|degrees?|radians?|rad|less|more|not)\b",
    re.IGNORECASE,
)
_NUMBER_WORD = re.compile(
    r"zero|\bone\b|two|three|four|five|six|seven|eight|nine|\bten|eleven|twelve|teen|twenty|thirty|"
    r"forty|fifty|hundred|thousand|million|dozen|half|third|quarter|infin|\bpi\b|sqrt|root|over"
)
_MATH_WORDS = frozenset({"infinity", "inf", "infty", "undefined", "none", "null", "dne", "nan"})

_TEXT_COMMAND = r"\\(?:text|textbf|textit|textrm|textnormal|mbox|mathrm|mathbf|operatorname)"
_WRAPPED = re.compile(rf"(?:{_TEXT_COMMAND}|\\mathit)\{{([^{{}}\\$]*)\}}")
_DELIMITED = re.compile(r"\$\$(.*)\$\$|\$(.*)\$|\\\((.*)\\\)|\\\[(.*)\\\]", re.DOTALL)

_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\\!\s*"), ""),
    (re.compile(r"\s?\{\s?,\s?\}"), ","),
    (re.compile(r"\\(?:left|right)(?![A-Za-z])\s*|\\displaystyle(?![A-Za-z])|\\\$"), ""),
    (re.compile(r"(?<!\\)\\[,;: ]|\\q?quad(?![A-Za-z])|~|\u00a0|\u202f"), " "),
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"(\\(?:text|mbox|mathrm)) +\{"), r"\1{"),
    (re.compile("\u2212|\u2013"), "-"),
    (re.compile(r"\s+"), " "),
    (re.compile(r"([_^])\{ ?([0-9A-Za-z]) ?\}(?![0-9A-Za-z])"), r"\1\2"),
)
# A space between digits, between letters or before a group of three digits can carry meaning.
_IDLE_SPACE = re.compile(
    r"(?<![0-9A-Za-z,]) | (?![0-9A-Za-z])|(?<=[0-9]) (?=[A-Za-z])|(?<=,) (?![0-9]{3}(?![0-9]))"
    r"|(?<=[A-Za-z]) (?=[0-9])"
)

_PLAIN_NUMBER = re.compile(r"-?[1-9][0-9]*(?:\.[0-9]*[1-9])?|0", re.ASCII)
_PLAIN = r"(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]{0,2}(?: [0-9]{3})+|[0-9]+)"
_DECIMAL = rf"(?:{_PLAIN}(?:\.[0-9]*)?|\.[0-9]+)"
_POWER = (
    r"(?:(?:\\times|\\cdot|\*|\u00d7) ?10\^(?:\{(-?[0-9]{1,3})\}|(-?[0-9]))"
    r"|[eE]([+-]?[0-9]{1,3}))"
)
_SCIENTIFIC = re.compile(rf"([-+]?)({_DECIMAL}) ?{_POWER}?")
_INTEGER = r"\{ ?([-+]?[0-9]+) ?\}"
_FRACTION = re.compile(
    rf"([-+]?)([0-9]+)?\\frac ?(?:{_INTEGER}|([0-9])) ?(?:{_INTEGER}|([0-9]))"
    r"|([-+]?)(?:([0-9]+) )?([1-9][0-9]*) ?/ ?([1-9][0-9]*)"
)
_PERCENT = re.compile(r" ?(?:\\?%|(?:\\text\{ ?)?(?:percent|per cent|pct|percentage)\}?)$", re.I)
_DEGREE = re.compile(
    r" ?(?:\^ ?\{ ?\\circ ?\}|\^ ?\\circ|\\degree|\u00b0|(?:\\text\{ ?)?degrees?\}?)$", re.I
)
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9}
_SCALE = re.compile(rf" ?(?:{_TEXT_COMMAND}\{{ ?)?({'|'.join(_SCALES)})s?\}}?$", re.IGNORECASE)
_TEXT_UNIT = re.compile(rf" ?{_TEXT_COMMAND}\{{([^{{}}]*)\}}(?: ?\^ ?(?:\{{[23]\}}|[23]))?\.?$")
_WORD_UNIT = re.compile(r" ?([A-Za-z][A-Za-z ]*)$")

_UNIT_MARKUP = re.compile(rf"{_TEXT_COMMAND}|[{{}} .]")

_CHOICE = re.compile(r"\(?([A-Za-z])\)?[.:)]?")
# "(A) 12" or "A. 12", but not "(A) and (C)".
_LABELLED_CHOICE = re.compile(r"\(?([A-J])[).](?!.*\b[A-J]\b) ?\S.*", re.DOTALL)
_COMMAND = re.compile(r"\\[A-Za-z]+")
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}")
_DECIMAL_COMMA = re.compile(r"-?[0-9]+,[0-9]+")
_IN_BASE = re.compile(r"([0-9]+)_(?:\{ ?)?([0-9]+)(?: ?\})?")
_BASE_TEN = re.compile(r"(?<=[0-9])_(?:\{10\}|10)$")
_WORDS = re.compile(r"[A-Za-z]{2,}(?:[ '-][A-Za-z]+)*")

_NUMBERS = re.compile(r"(?=.*[1-9])(?:[-+0-9.,()\[\]{} $/^]|\\(?:frac|sqrt|pi)(?![A-Za-z]))+")

_ONE_NUMBER = re.compile(
    r"([A-Za-z .,:;'*$()+-]*)([0-9][0-9,]*(?:\.[0-9]+)?)([A-Za-z .,:;'*$()+-]*)"
)
_SCALE_WORD = re.compile(
    r"\b(?:[kmb]|per ?cent\w*|pct|doubled?|twice|triple|thrice|pairs?|score|couple|base)\b"
)
_POWERS_OF_TEN = [Fraction(10) ** n for n in range(-9, 10)]

_NEAR_ABSOLUTE = Fraction(1, 10**5)
_NEAR_RELATIVE = Fraction(1, 10**9)
_FAR_RELATIVE = Fraction(1, 100)


def compare_exactly(answer: str, reference: str) -> Decision | None:
    """Compare two answers if that is certain without algebra; None leaves them undecided.

    Args:
        answer: A model's final answer, with or without a box.
        reference: The right answer.
    """
    if _PLAIN_NUMBER.fullmatch(answer) and _PLAIN_NUMBER.fullmatch(reference):
        # The commonest pair by far; a number without idle zeros is written in one way only.
        if answer == reference:
            return Decision(equal=True, method="text")
        if "." not in answer + reference:
            return Decision(equal=False, method="number")
    a, r = normal_form(answer), normal_form(reference)
    if a and (a == r or _unwrapped(a) == _unwrapped(r)):
        return Decision(equal=True, method="text")
    return (
        _compare_numbers(a, r)
        or _compare_scaled(a, r)
        or _compare_written(a, r)
        or _compare_choices(a, r)
        or _compare_words(a, r)
        or _compare_words_with_numbers(a, r)
        or _compare_prose_with_number(a, r)
        or (None if _has_many_boxes(answer, reference) else _compare_formulas(a, r))
    )


def normal_form(answer: str) -> str:
    """Drop what never changes the meaning: box, math delimiters, sizing, currency, idle space."""
    if r"\boxed" in answer or r"\fbox" in answer:
        answer = boxed_answer(answer) or answer
    answer = answer.strip()
    delimited = _DELIMITED.fullmatch(answer)
    inner = next((group for group in delimited.groups() if group), "") if delimited else answer
    answer = answer if "$" in inner.replace(r"\$", "") else inner
    for pattern, replacement in _REWRITES:
        answer = pattern.sub(replacement, answer)
    answer = answer.strip().lstrip("$").rstrip("\\.,;: ")
    return _IDLE_SPACE.sub("", answer)


def _compare_numbers(answer: str, reference: str) -> Decision | None:
    a, r = _quantity(answer), _quantity(reference)
    if a is None or r is None:
        return None
    if a.unit == r.unit:
        equal = _same_value(a, r)
    elif "%" in (a.unit, r.unit) and "" in (a.unit, r.unit):
        equal = _same_share(a, r)
    else:
        # A unit on one side may be left out; two units may be converted, and need a closer look.
        equal = _same_value(a, r) if "" in (a.unit, r.unit) else None
    return None if equal is None else Decision(equal, "number")


def _compare_scaled(answer: str, reference: str) -> Decision | None:
    """Tell 1.8 million from a number that is neither 1.8 nor 1,800,000."""
    for one, other in ((answer, reference), (reference, answer)):
        scale = _SCALE.search(one)
        other_value = _quantity(other)
        value = _quantity(one[: scale.start()]) if scale else None
        if scale and value and other_value and not (value.unit or other_value.unit):
            scaled = value._replace(value=value.value * _SCALES[scale[1].casefold()])
            if _same_value(value, other_value) is False is _same_value(scaled, other_value):
                return Decision(equal=False, method="number")
    return None


def _same_value(a: _Quantity, r: _Quantity) -> bool | None:
    if a.value == r.value:
        return True
    if not (a.rounded or r.rounded):
        return False
    gap, size = abs(a.value - r.value), max(abs(a.value), abs(r.value))
    if gap > _FAR_RELATIVE * size and a.value and r.value:
        return False
    return None if gap <= max(_NEAR_ABSOLUTE, _NEAR_RELATIVE * size) else False


def _same_share(a: _Quantity, r: _Quantity) -> bool | None:
    """Compare x% with a bare number: x/100, or x itself where no share can be as large."""
    share, bare = (a, r) if a.unit else (r, a)
    as_fraction = _same_value(share._replace(value=share.value / 100), bare)
    if as_fraction is not False:
        return as_fraction
    same_number = _same_value(share, bare)
    return same_number if abs(bare.value) > 1 or same_number is False else None


def _quantity(text: str) -> _Quantity | None:
    text = _BASE_TEN.sub("", text)
    if not text or text[0] not in "+-.0123456789\\":
        return None
    for unit, pattern in (("%", _PERCENT), ("degree", _DEGREE)):
        suffix = pattern.search(text)
        if suffix:
            return _number(text[: suffix.start()], unit)
    suffix = _TEXT_UNIT.search(text) or _WORD_UNIT.search(text)
    if suffix:
        unit = _UNIT_MARKUP.sub("", suffix[0]).casefold()
        known = suffix.re is _TEXT_UNIT or all(w in _UNITS for w in unit.split())
        usable = known and suffix[1].strip() and not _NOT_A_UNIT.search(suffix[1])
        return _number(text[: suffix.start()], unit) if usable else None
    return _number(text, "")


def _number(text: str, unit: str) -> _Quantity | None:
    text = text.strip()
    fraction = _FRACTION.fullmatch(text)
    if fraction:
        return _from_fraction(fraction, unit)
    plain = _SCIENTIFIC.fullmatch(text)
    if plain is None:
        return None
    sign, digits, *exponents = plain.groups()
    value = Fraction(re.sub("[ ,]", "", digits).rstrip(".") or "0")
    exponent = next((int(e) for e in exponents if e), 0)
    value *= Fraction(10) ** exponent
    return _Quantity(-value if sign == "-" else value, "." in digits or exponent != 0, unit)


def _from_fraction(written: re.Match[str], unit: str) -> _Quantity | None:
    groups = written.groups()
    sign, whole = (groups[0], groups[1]) if groups[0] is not None else (groups[6], groups[7])
    top, bottom = (int(part) for part in (*groups[2:6], *groups[8:]) if part)
    if bottom == 0 or (whole and not 0 <= top < bottom):
        return None
    value = Fraction(top, bottom) + int(whole or "0")
    return _Quantity(-value if sign == "-" else value, rounded=False, unit=unit)


def _compare_written(answer: str, reference: str) -> Decision | None:
    """Times of day, digits in a base, and 2,5 where the other side has 2.5."""
    if _CLOCK.fullmatch(answer) and _CLOCK.fullmatch(reference):
        # 3:12 may be a ratio, equal to others; minutes below ten are written so in times only.
        is_time = ":0" in answer + reference
        return Decision(equal=False, method="text") if is_time else None
    digits = [_IN_BASE.fullmatch(text) for text in (answer, reference)]
    if digits[0] and digits[1] and digits[0][2] == digits[1][2]:
        return Decision(digits[0][1].lstrip("0") == digits[1][1].lstrip("0"), "number")
    for one, other in ((answer, reference), (reference, answer)):
        if _DECIMAL_COMMA.fullmatch(one) and one.replace(",", ".") == other:
            return Decision(equal=True, method="number")
    return None


def _compare_choices(answer: str, reference: str) -> Decision | None:
    right = _CHOICE.fullmatch(_unwrapped(reference))
    if right is None or right[1] not in "ABCDEFGHIJ":
        return None
    answer = _unwrapped(answer)
    given = _CHOICE.fullmatch(answer) or _LABELLED_CHOICE.fullmatch(answer)
    if given is None:
        # "(E)" is a choice and no variable; a formula without the letter does not name it
        letters = _COMMAND.sub("", answer).casefold()
        named = right[1].casefold() in letters or not re.search("[0-9]", answer)
        return None if named or "(" not in right[0] else Decision(equal=False, method="choice")
    if given[1] in "abcd" and given[1].upper() == right[1]:
        return Decision(equal=True, method="choice")
    if given[1] in "ABCDEFGHIJ":
        return Decision(given[1] == right[1], "choice")
    return None


def _compare_words(answer: str, reference: str) -> Decision | None:
    a, r = (_unwrapped(text).strip().casefold() for text in (answer, reference))
    if not (_WORDS.fullmatch(a) and _WORDS.fullmatch(r)):
        return None
    if a == r:
        return Decision(equal=True, method="word")
    # The same letters in another order may be the same product of symbols.
    comparable = min(len(a), len(r)) >= 3 and sorted(a) != sorted(r) and " " not in a + r
    if comparable and not {a, r} & _MATH_WORDS:
        return Decision(equal=False, method="word")
    return None


def _compare_words_with_numbers(answer: str, reference: str) -> Decision | None:
    """Words and a number are different, unless they may be a number in words."""
    for one, other in ((answer, reference), (reference, answer)):
        words = _unwrapped(one).strip().casefold()
        is_plain = _WORDS.fullmatch(words) and len(words) >= 4 and not _NUMBER_WORD.search(words)
        # what "none" asks for may be written as 0
        if (
            is_plain
            and _NUMBERS.fullmatch(other)
            and not (one is reference and words in _MATH_WORDS)
        ):
            return Decision(equal=False, method="word")
    return None


def _compare_prose_with_number(answer: str, reference: str) -> Decision | None:
    """Words around one number do not state another one, but by a power of ten."""
    said, asked = _ONE_NUMBER.fullmatch(answer), _quantity(reference)
    if said is None or asked is None or asked.unit or asked.rounded:
        return None
    words = re.findall("[a-z]+", said[1].casefold() + " " + said[3].casefold())
    prose = " ".join(words)
    if (
        not any(len(w) > 2 for w in words)
        or _NUMBER_WORD.search(prose)
        or _SCALE_WORD.search(prose)
    ):
        return None
    value = Fraction(said[2].replace(",", ""))
    if any(value * scale == abs(asked.value) for scale in _POWERS_OF_TEN):
        return None
    return Decision(equal=False, method="word")


def _has_many_boxes(*texts: str) -> bool:
    r"""Whether a normal form may hold less than the text: \boxed{1} apples, \boxed{2} pears."""
    return any(text.count(r"\boxed") + text.count(r"\fbox") > 1 for text in texts)


def _compare_formulas(answer: str, reference: str) -> Decision | None:
    texts, units = zip(*map(_without_unit, (answer, reference)), strict=True)
    if "" not in units and units[0] != units[1]:
        return None
    equal = compare_formulas(*texts)
    return None if equal is None else Decision(equal, "formula")


def _without_unit(text: str) -> tuple[str, str]:
    r"""A formula and the unit in \text{} behind it, if it has one."""
    unit = _TEXT_UNIT.search(text)
    if unit is None or not unit[1].strip() or _NOT_A_UNIT.search(unit[1]):
        return text, ""
    return text[: unit.start()], unit[0].strip().casefold()


def _unwrapped(text: str) -> str:
    text = _WRAPPED.sub(r"\1", text).strip("*_ ")
    return text.replace("{", "").replace("}", "") if _WORDS.fullmatch(text.strip("{}")) else text
