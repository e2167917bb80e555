r"""Problems with reference answers: one reader and a table of the published sets.

The sets differ in the names of their columns, in how a column holds the answer, and in whether the
choices of a multiple-choice question stand apart from it. Answers are kept as published, without
`\boxed` and without one pair of enclosing dollars; whether two answers are equal is for `answers`.
Choices that stand apart are written below the question as in the Qwen2.5-Math evaluation.

A row without an answer is rejected: nothing can be checked against it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from prmkit.answers.extract import boxed_answer
from prmkit.datasets.fields import Fields, shown
from prmkit.datasets.hub import Hub
from prmkit.datasets.importing import Converted, Imported, convert_rows
from prmkit.datasets.rows import BadRow, Row
from prmkit.records import Problem

Reader = Callable[[Fields, str], str]
"""Takes the answer out of the named column."""

_LETTERS = "ABCDEFGHIJK"
_MARKED = re.compile(r"[\s(]([A-K])[).:\uff0e\u3001\s]")
_CHOICE = re.compile(r"[A-K](?:[ ,]*[A-K])*")


class ProblemSet(NamedTuple):
    """One published set of problems."""

    title: str
    """Name in the literature."""
    source: str
    """Who publishes it."""
    licence: str
    """Terms of use, as its publishers state them."""
    splits: Mapping[str, int]
    """Expected rows by split, the default one first."""
    kind: str
    """`free`, `choice` (multiple choice), or `mixed`: told row by row."""
    answers: tuple[tuple[str, Reader], ...]
    """Columns that may hold the answer and how each does; the first that is there counts."""
    question: tuple[str, ...] = ("question", "problem")
    """Columns that may hold the question."""
    choices: str = ""
    """Column of the choices, where they stand apart."""
    choices_title: str = "Answer Choices"
    """What stands before the choices."""
    identity: str = ""
    """Column with an id of its own; empty = rows are numbered from 0."""
    hub: Hub | None = None
    """Where the hub has it in this format; None = from a file only."""


def read_problems(
    rows: Iterable[Row | BadRow], name: str, problem_set: ProblemSet, split: str
) -> Imported[Problem]:
    """Read problems; their ids are `name/split/id`."""

    def convert(row: Row) -> Converted[Problem]:
        fields = Fields(row.values)
        problem = _problem(fields, problem_set)
        own = fields.key(problem_set.identity, row.position)
        problem_id = f"{name}/{split}/{own}"
        return Converted([problem.model_copy(update={"problem_id": problem_id, "split": split})])

    return convert_rows(rows, convert, lambda problem: problem.problem_id)


def _problem(fields: Fields, problem_set: ProblemSet) -> Problem:
    question = fields.text(fields.first(problem_set.question)).strip()
    readers = dict(problem_set.answers)
    column = fields.first(list(readers))
    answer = readers[column](fields, column)
    if problem_set.choices:
        choices = _choices(fields, problem_set.choices)
        question = f"{question}\n{problem_set.choices_title}: {choices}"
    kind = problem_set.kind
    if kind == "mixed":
        offered = set(_MARKED.findall(f" {question} "))
        kind = "choice" if _CHOICE.fullmatch(answer) and offered >= set(answer) else "free"
    if not answer:
        raise fields.bad(column, "no answer", "an answer")
    return Problem(problem_id="-", question=question, answer=answer, answer_kind=kind)


def _choices(fields: Fields, name: str) -> str:
    """`(A) ... (B) ...` from a list of choices or a mapping from letter to choice."""
    choices = fields.raw(name, "a list of choices or a mapping")
    if isinstance(choices, list | tuple):
        choices = dict(zip(_LETTERS, choices, strict=False))
    if not isinstance(choices, dict) or not choices:
        raise fields.bad(name, shown(choices), "a list of choices or a mapping")
    return " ".join(f"({letter}) {str(choice).strip()}" for letter, choice in choices.items())


def _plain(fields: Fields, name: str) -> str:
    return bare_answer(fields.any_text(name))


def bare_answer(text: str) -> str:
    """An answer without white space and one pair of dollars around it."""
    text = text.strip()
    inner = text[1:-1]
    if len(text) > 2 and text[0] == text[-1] == "$" and not re.search(r"(?<!\\)\$", inner):
        return inner.strip()
    return text


def _after_hashes(fields: Fields, name: str) -> str:
    _, mark, answer = fields.text(name).rpartition("####")
    if not mark:
        raise fields.bad(name, "no ####", "a solution whose last line is `#### answer`")
    return answer.strip()


def _boxed(fields: Fields, name: str) -> str:
    r"""The answer in the last \boxed of a worked solution."""
    answer = boxed_answer(fields.text(name))
    if answer is None:
        raise fields.bad(name, r"no complete \boxed", r"a solution with \boxed{answer}")
    return answer


def _number(fields: Fields, name: str) -> str:
    """A number, or the text of one; 27.0 is 27 and 025 is 25."""
    value = fields.raw(name, "a number")
    if isinstance(value, str) and re.fullmatch(r"-?\d+(?:\.0+)?", value.strip()):
        return str(int(float(value)))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fields.bad(name, shown(value), "a number")
    return str(int(value)) if float(value).is_integer() else str(value)


def _all(fields: Fields, name: str) -> str:
    """All the answers of a list."""
    return ", ".join(bare_answer(text) for text in fields.texts(name))


def _letter(fields: Fields, name: str) -> str:
    """One letter, or several without what stands between them, from text or an index from 0."""
    value = fields.raw(name, "a letter or an index")
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(_LETTERS):
        return _LETTERS[value]
    if not isinstance(value, str) or not _CHOICE.fullmatch(value.strip()):
        raise fields.bad(name, shown(value), "one or more letters, or an index from 0")
    return "".join(letter for letter in value if letter in _LETTERS)


def _letter_or_answer(fields: Fields, name: str) -> str:
    """The letter where there are choices, else the answer itself."""
    return _letter(fields, name) if fields.any_text(name).strip() else _plain(fields, "answer")


_OPEN_COURSE = "not stated; questions from MIT OpenCourseWare, CC BY-NC-SA 4.0"
_CONTEST = "not stated; questions copyright MAA"
_QWEN = "github.com/QwenLM/Qwen2.5-Math, evaluation/data"
_MMLU_STEM = (
    "abstract_algebra astronomy college_biology college_chemistry college_computer_science "
    "college_mathematics college_physics computer_security conceptual_physics "
    "electrical_engineering elementary_mathematics high_school_biology high_school_chemistry "
    "high_school_computer_science high_school_mathematics high_school_physics "
    "high_school_statistics machine_learning"
)

PROBLEM_SETS: dict[str, ProblemSet] = {
    "gsm8k": ProblemSet(
        title="GSM8K",
        source="github.com/openai/grade-school-math (arXiv 2110.14168)",
        licence="MIT",
        splits={"test": 1319, "train": 7473},
        kind="free",
        answers=(("answer", _after_hashes),),
        hub=Hub("openai/gsm8k", ("main",)),
    ),
    "math": ProblemSet(
        title="MATH",
        source="github.com/hendrycks/math (arXiv 2103.03874)",
        licence="MIT",
        splits={"test": 5000, "train": 7500},
        kind="free",
        answers=(("answer", _plain), ("final_answer", _plain), ("solution", _boxed)),
        identity="idx",
        hub=Hub("DigitalLearningGmbH/MATH-lighteval"),
    ),
    "math500": ProblemSet(
        title="MATH-500",
        source="github.com/openai/prm800k (arXiv 2305.20050)",
        licence="MIT",
        splits={"test": 500},
        kind="free",
        answers=(("answer", _plain),),
        identity="unique_id",
        hub=Hub("HuggingFaceH4/MATH-500"),
    ),
    "minerva_math": ProblemSet(
        title="Minerva Math",
        source="arXiv 2206.14858 (OCWCourses)",
        licence=_OPEN_COURSE,
        splits={"test": 272},
        kind="free",
        answers=(("answer", _plain), ("solution", _boxed)),
        identity="idx",
        hub=Hub("math-ai/minervamath"),
    ),
    "gaokao2023en": ProblemSet(
        title="GaoKao 2023 En",
        source="github.com/MARIO-Math-Reasoning/MARIO (arXiv 2401.08190)",
        licence="MIT",
        splits={"test": 385},
        kind="mixed",
        answers=(("answer", _plain),),
        hub=Hub("MARIO-Math-Reasoning/Gaokao2023-Math-En", splits=(("test", "train"),)),
    ),
    "olympiadbench": ProblemSet(
        title="OlympiadBench (text, open-ended, English, mathematics)",
        source="github.com/OpenBMB/OlympiadBench (arXiv 2402.14008), OE_TO_maths_en_COMP",
        licence="Apache-2.0",
        splits={"test": 675},
        kind="free",
        answers=(("final_answer", _all),),
        identity="id",
        hub=Hub("Hothan/OlympiadBench", ("OE_TO_maths_en_COMP",), (("test", "train"),)),
    ),
    "college_math": ProblemSet(
        title="College Math",
        source="MathScale (arXiv 2403.02884), test set",
        licence="by row, in its column `license` (CC BY, CC BY-NC-SA, GFDL, ...)",
        splits={"test": 2818},
        kind="free",
        answers=(("answer", _plain),),
    ),
    "mmlu_stem": ProblemSet(
        title="MMLU STEM",
        source="github.com/hendrycks/test (arXiv 2009.03300), 18 subjects",
        licence="MIT",
        splits={"test": 3018},
        kind="choice",
        answers=(("answer", _letter),),
        choices="choices",
        hub=Hub("cais/mmlu", tuple(_MMLU_STEM.split())),
    ),
    "aime24": ProblemSet(
        title="AIME 2024",
        source=_QWEN,
        licence=_CONTEST,
        splits={"test": 30},
        kind="free",
        answers=(("answer", _number),),
        identity="id",
        hub=Hub("HuggingFaceH4/aime_2024", splits=(("test", "train"),)),
    ),
    "amc23": ProblemSet(
        title="AMC 2023",
        source=_QWEN,
        licence=_CONTEST,
        splits={"test": 40},
        kind="free",
        answers=(("answer", _number),),
        identity="id",
        hub=Hub("math-ai/amc23"),
    ),
    "cmath": ProblemSet(
        title="CMATH",
        source="github.com/XiaoMi/cmath (arXiv 2306.16636), its validation split",
        licence="CC BY 4.0",
        splits={"test": 600},
        kind="free",
        answers=(("answer", _plain), ("golden", _plain)),
        hub=Hub("weitianwen/cmath", splits=(("test", "validation"),)),
    ),
    "cn_middle_school": ProblemSet(
        title="CN Middle School 24",
        source=_QWEN,
        licence="not stated",
        splits={"test": 101},
        kind="mixed",
        answers=(("choice_answer", _letter_or_answer), ("answer", _plain)),
        identity="idx",
    ),
    "gaokao_cloze": ProblemSet(
        title="GaoKao mathematics, cloze",
        source="AGIEval, github.com/ruixiangcui/AGIEval (arXiv 2304.06364)",
        licence="MIT",
        splits={"test": 118},
        kind="free",
        answers=(("answer", _plain),),
    ),
    "gaokao_qa": ProblemSet(
        title="GaoKao mathematics, multiple choice",
        source="AGIEval, github.com/ruixiangcui/AGIEval (arXiv 2304.06364)",
        licence="MIT",
        splits={"test": 351},
        kind="choice",
        answers=(("label", _letter),),
        choices="options",
        choices_title="\u9009\u9879",
    ),
}
"""The sets by their name on the command line."""
