"""Find training problems that are also evaluation problems, and leave them out.

Two rules, the first that holds counts:

* `exact`: the same text after Unicode compatibility normalisation, without case, white space,
  dollars, LaTeX spacing and closing punctuation; operators stay, so `x+2` is not `x-2`;
* `ngram`: some 13 words in a row are the same and the longest common subsequence of words is more
  than 0.6 of the evaluation problem's words, as in the Qwen2.5-Math report (arXiv 2409.12122, on
  decontamination: 13-grams after removing punctuation and symbols, and a ratio above 0.6 to spare
  common mathematical phrases). The report does not say what its ratio divides by; the length of the
  evaluation problem is our choice, so that a problem inside a longer text is found.

A Chinese character is a word of its own; the source code of drawings, `[asy]...[/asy]`, has no
words, since it is much the same in unlike problems. An evaluation problem of fewer than 13 words is
found by `exact` alone.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

from prmkit.records import Record

T = TypeVar("T")

NGRAM = 13
"""Words in a row (arXiv 2409.12122)."""

RATIO = 0.6
"""Share of an evaluation problem that must be exceeded (arXiv 2409.12122)."""

_WORD = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u9fff\uf900-\ufaff]+")
_DRAWING = re.compile(r"\[asy\].*?\[/asy\]", re.DOTALL)
_IGNORED = re.compile(r"\\(?:left|right)(?![a-z])|\\[,;:! ]|[\s$~]")


class EvaluationProblem(NamedTuple):
    """An evaluation problem."""

    question_id: str
    text: str


class Match(Record):
    """A training problem that is an evaluation problem."""

    row: str
    """Id of the training row."""
    evaluation: str
    """Id of the evaluation problem."""
    rule: Literal["exact", "ngram"]
    """What they share."""
    ratio: float
    """Longest common subsequence over the evaluation problem's length, in words, in [0, 1]."""


class Decontaminated(NamedTuple, Generic[T]):
    """Rows that share no problem with the evaluation, and those that do; together all."""

    kept: list[T]
    removed: list[Match]


class EvaluationIndex:
    """Evaluation problems, ready to be looked up.

    Args:
        questions: The evaluation problems.
        ngram: Words in a row that must be the same, at least 1.
        ratio: Share of the evaluation problem that must be exceeded, in [0, 1).
    """

    def __init__(
        self, questions: Iterable[EvaluationProblem], ngram: int = NGRAM, ratio: float = RATIO
    ) -> None:
        self._ngram, self._ratio = ngram, ratio
        self._exact: dict[str, str] = {}
        self._words: list[tuple[str, list[str]]] = []
        self._holding: dict[tuple[str, ...], list[int]] = {}
        for question_id, text in questions:
            self._exact.setdefault(normal_text(text), question_id)
            words = _split(text)
            for gram in set(self._grams(words)):
                self._holding.setdefault(gram, []).append(len(self._words))
            self._words.append((question_id, words))

    def find(self, row: str, text: str) -> Match | None:
        """The evaluation problem that a text contains, the nearest one if several; else None."""
        exact = self._exact.get(normal_text(text))
        if exact is not None:
            return Match(row=row, evaluation=exact, rule="exact", ratio=1.0)
        words = _split(text)
        near = sorted({i for gram in self._grams(words) for i in self._holding.get(gram, ())})
        best: Match | None = None
        for question_id, theirs in (self._words[i] for i in near):
            ratio = _common(theirs, words) / len(theirs)
            if ratio > (best.ratio if best else self._ratio):
                best = Match(row=row, evaluation=question_id, rule="ngram", ratio=ratio)
        return best

    def _grams(self, words: Sequence[str]) -> Iterable[tuple[str, ...]]:
        return (tuple(words[i : i + self._ngram]) for i in range(len(words) - self._ngram + 1))


def decontaminate(
    rows: Iterable[T], question: Callable[[T], EvaluationProblem], index: EvaluationIndex
) -> Decontaminated[T]:
    """Leave out rows whose problem is an evaluation problem.

    Args:
        rows: Training rows; several may share a problem.
        question: A row's id and the text of its problem.
        index: The evaluation problems.
    """
    kept: list[T] = []
    removed: list[Match] = []
    known: dict[str, Match | None] = {}
    for row in rows:
        row_id, text = question(row)
        if text not in known:
            known[text] = index.find(row_id, text)
        match = known[text]
        if match is None:
            kept.append(row)
        else:
            removed.append(match.model_copy(update={"row": row_id}))
    return Decontaminated(kept, removed)


def normal_text(text: str) -> str:
    """A question as `exact` compares it."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _IGNORED.sub("", folded).rstrip(".?!:,;\u3002")


def _split(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(_DRAWING.sub(" ", folded))


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence, a row of the table in one number.

    Bit i of `row` is unset where the table rises at a[i] (Hyyro 2004, Bit-parallel LCS-length
    computation revisited).
    """
    places: dict[str, int] = {}
    for i, word in enumerate(a):
        places[word] = places.get(word, 0) | 1 << i
    full = row = (1 << len(a)) - 1
    for word in b:
        matches = row & places.get(word, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(a) - row.bit_count()
