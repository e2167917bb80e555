r"""Find the final answer in a solution's text.

Rules are tried in a fixed order and the one that found the answer is returned with it, so that a
report can say how many answers rest on a guess. Every rule reads the text once, left to right, with
an explicit stack: time is linear in the length and independent of how deep braces are nested.

A chain of boxes joined by nothing but list words (`\boxed{2} and \boxed{6}`) is one answer; apart
from that the last complete box wins. A box that never closes (a cut-off text) is not an answer.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeVar

Rule = Literal[
    "boxed", "gsm8k", "final_answer", "answer_is", "answer_colon", "last_math", "last_number"
]
GUESSES: tuple[Rule, ...] = ("last_math", "last_number")
"""Rules that take what stands last; the others find an answer that the text calls one."""


_T = TypeVar("_T")


class Extracted(NamedTuple):
    """A final answer and the rule that found it."""

    answer: str
    rule: Rule


class _Box(NamedTuple):
    start: int
    content_start: int
    content_end: int
    end: int


class _Span(NamedTuple):
    content: str
    end: int


_BRACE_TOKEN = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])[ \t]*(\{)?|\\.|[{}]", re.DOTALL)
_UNBRACED = re.compile(r"[^\s${}\\]+|\\[A-Za-z]+(?![A-Za-z{])")
_LIST_WORD = r"(?:,|;|and\b|or\b|\\text(?:rm)?\{\s*,?\s*(?:and|or)\s*\}|&)"
_BLANK = r"(?:\s|\$|\\[()\[\] ,;:!]|\\q?quad(?![A-Za-z]))"
_ASSIGNED = r"(?:[A-Za-z](?:_\{?\w\}?)?\s*=\s*)?"
_JOINER = re.compile(rf"{_BLANK}*(?:{_LIST_WORD}{_BLANK}*)+{_ASSIGNED}")
_LONGEST_JOINER = 60

_PHRASES: tuple[tuple[Rule, re.Pattern[str]], ...] = (
    ("gsm8k", re.compile(r"####(?!#)")),
    (
        "final_answer",
        re.compile(r"final answer(?: is|[*_]*:|[*_]+(?=\s*\n))(?:\s*:)?", re.IGNORECASE),
    ),
    ("answer_is", re.compile(r"\banswer(?: is|[*_]* = )(?:\s*:)?", re.IGNORECASE)),
    ("answer_colon", re.compile("\\banswer[*_]*[:\uff1a]", re.IGNORECASE)),
)
_FINAL_ANSWER = re.compile(r"final answer is\b(?:\s*:)?", re.IGNORECASE)
# A text that is nothing but one formula, without delimiters or words.
_BARE_FORMULA = re.compile(
    r"\s*(?=[^\n]*\\)(?:\\(?!boxed|fbox)[A-Za-z]+|[^A-Za-z\\\n$:]|(?<![A-Za-z])[A-Za-z](?![A-Za-z])){1,200}\s*"
)
_SENTENCE_END = re.compile(r"\.(?=\s|$)|\n|<\|")
_WINDOW = 4000  # more than an answer may have; bounds the work for each phrase
_HOPE = re.compile(r"\bI hope\b", re.IGNORECASE)

_MATH_TOKEN = re.compile(r"\\[()\[\]]|\\.|\$\$?", re.DOTALL)
_SENTENCE_OVER = re.compile(r"[.!?][$\\\])]*\s|\n")
_CLOSER = {"$": "$", "$$": "$$", r"\(": r"\)", r"\[": r"\]"}
_CURRENCY = re.compile(r"\d[\d,.]*\s+[A-Za-z]{2,}")

_NUMBER = re.compile(
    r"(?<![\w.])-?(?:[1-9][0-9]{0,2}(?:[ ,][0-9]{3})+(?![0-9])(?:\.[0-9]+)?"
    r"|[0-9]+(?:[.,][0-9]+)*|\.[0-9]+)"
    r"(?:/[0-9]+)?(?: ?(?:\\?%|percent\b|pct\b))?"
)


def extract_answer(text: str) -> str | None:
    """The final answer in a solution's text, bare, or None if no rule finds one."""
    found = extract(text)
    return found.answer if found else None


def extract(text: str) -> Extracted | None:
    r"""Find the final answer and say by which rule.

    Rules in order: `boxed` (last complete \boxed or \fbox, unless "final answer is" comes later),
    `gsm8k` (after the last ####),
    `final_answer` ("final answer is"), `answer_is` ("the answer is"), `answer_colon` ("Answer:"),
    `last_math` (last $...$, \(...\) or \[...\]), `last_number`.

    Returns:
        The answer without its box, math delimiters and closing full stop; None if there is none.
    """
    boxed = boxed_answer(text)
    if boxed:
        # A box in the middle of a text is not the last word if "the final answer is" comes later.
        stated = _after_last(_FINAL_ANSWER, text[_last_box_start(text) :])
        return Extracted(stated, "final_answer") if stated else Extracted(boxed, "boxed")
    if _BARE_FORMULA.fullmatch(text):
        return Extracted(text.strip(), "last_math")
    for rule, phrase in _PHRASES:
        stated = _after_last(phrase, text)
        if stated:
            return Extracted(stated, rule)
    math = _last([span for span in _math_spans(text) if span.content])
    number = _last(list(_NUMBER.finditer(text, math.end if math else 0)))
    if math and not (number and _SENTENCE_OVER.search(text, math.end - 4, number.start())):
        return Extracted(math.content, "last_math")
    return Extracted(number[0].strip(), "last_number") if number else None


def boxed_answer(text: str) -> str | None:
    """Content of the last complete, non-empty box, or of the chain of boxes that ends there."""
    boxes = [box for box in _outer_boxes(text) if text[box.content_start : box.content_end].strip()]
    if not boxes:
        return None
    first = len(boxes) - 1
    while first > 0 and _joined(text[boxes[first - 1].end : boxes[first].start]):
        first -= 1
    contents = [_bare(text[b.content_start : b.content_end]) for b in boxes[first:]]
    return ", ".join(_unboxed(content) for content in contents)


def _last_box_start(text: str) -> int:
    return max(text.rfind(r"\boxed"), text.rfind(r"\fbox"))


def _joined(between: str) -> bool:
    return len(between) <= _LONGEST_JOINER and _JOINER.fullmatch(between) is not None


def _unboxed(content: str) -> str:
    r"""Drop further boxes that are wrapped around the whole content: \boxed{\boxed{5}} is 5."""
    start, end = 0, len(content)
    for box in sorted(_complete_boxes(content)):
        if content[start : box.start].strip() or content[box.end : end].strip():
            break
        start, end = box.content_start, box.content_end
    return content[start:end].strip()


def _outer_boxes(text: str) -> list[_Box]:
    """Complete boxes in text order, without those inside another complete box."""
    outer: list[_Box] = []
    for box in sorted(_complete_boxes(text)):
        if not outer or box.start >= outer[-1].end:
            outer.append(box)
    return outer


def _complete_boxes(text: str) -> Iterator[_Box]:
    if _last_box_start(text) < 0:
        return
    open_braces: list[tuple[int, int] | None] = []
    for token in _BRACE_TOKEN.finditer(text):
        found = token[0]
        if token[1]:
            open_braces.append(token.span())
        elif found == "{":
            open_braces.append(None)
        elif found == "}":
            opened = open_braces.pop() if open_braces else None
            if opened:
                yield _Box(*opened, *token.span())
        elif found.startswith((r"\boxed", r"\fbox")):
            unbraced = _UNBRACED.match(text, token.end())
            if unbraced:
                yield _Box(token.start(), unbraced.start(), unbraced.end(), unbraced.end())


def _after_last(phrase: re.Pattern[str], text: str) -> str | None:
    """What follows the last occurrence that is followed by anything, to the end of its sentence."""
    ends = [match.end() for match in phrase.finditer(text)]
    return next(filter(None, (_sentence(text, end) for end in reversed(ends))), None)


def _sentence(text: str, start: int) -> str | None:
    while start < len(text) and (text[start].isspace() or text[start] in "*_:"):
        start += 1
    window = text[start : start + _WINDOW]
    # Display math may run over lines and hold full stops, so a delimiter decides before the end.
    if window.startswith(("$", r"\(", r"\[")):
        span = next(_math_spans(window), None)
        if span:
            return span.content
    ending = _SENTENCE_END.search(window)
    sentence = window[: ending.start()] if ending else window
    hope = _HOPE.search(sentence)
    sentence = sentence[: hope.start()] if hope else sentence
    return _bare(sentence.rsplit(" is ", 1)[-1]) or None


def _math_spans(text: str) -> Iterator[_Span]:
    """Contents of math spans in order; a dollar sign before an amount of money opens none."""
    opened: re.Match[str] | None = None
    for token in _MATH_TOKEN.finditer(text):
        mark = token[0]
        if opened is None:
            opened = token if mark in _CLOSER else None
        elif mark == _CLOSER[opened[0]]:
            content = text[opened.end() : token.start()].strip()
            if mark == "$" and _CURRENCY.match(content):
                opened = token
                continue
            opened = None
            yield _Span(_bare(content), token.end())


def _bare(answer: str) -> str:
    """Without surrounding blanks, emphasis, dollar signs in pairs and a closing full stop."""
    answer = answer.strip().strip("*_").strip()
    answer = answer.removesuffix(".").rstrip()
    for opening, closing in (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")):
        long_enough = len(answer) > len(opening) + len(closing)
        if long_enough and answer.startswith(opening) and answer.endswith(closing):
            inner = answer[len(opening) : -len(closing)]
            return inner.strip() if opening not in inner else answer
    return answer


def _last(found: list[_T]) -> _T | None:
    return found[-1] if found else None
