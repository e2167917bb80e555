from collections import Counter

import pytest
from shared_data import shared

from prmkit.datasets.importing import Imported
from prmkit.datasets.problems import PROBLEM_SETS, bare_answer, read_problems
from prmkit.datasets.rows import read_rows, rows_of
from prmkit.records import Problem

# (set, a row in its published format, (end of the question, answer, kind))
CASES = [
    ("gsm8k", {"question": "Q?", "answer": "2*3=<<2*3=6>>6\n#### 1,080"}, ("Q?", "1,080", "free")),
    (
        "math",
        {"problem": "P", "solution": r"\boxed{\frac{1}{2}}"},
        ("P", r"\frac{1}{2}", "free"),
    ),
    ("math", {"problem": "P", "final_answer": "7"}, ("P", "7", "free")),
    ("minerva_math", {"question": "P", "answer": "3"}, ("P", "3", "free")),
    ("gaokao2023en", {"question": "Q", "answer": r"$\{x|x<1\}$"}, ("Q", r"\{x|x<1\}", "free")),
    (
        "gaokao2023en",
        {"question": "(A) 50 (B) 42", "answer": "B"},
        ("(B) 42", "B", "choice"),
    ),
    ("gaokao2023en", {"question": "Name the vertex B", "answer": "C"}, ("B", "C", "free")),
    (
        "olympiadbench",
        {"id": 3, "question": "Q", "final_answer": ["$2^{9}$"]},
        ("Q", "2^{9}", "free"),
    ),
    (
        "mmlu_stem",
        {"question": "Q", "choices": ["a", "b"], "answer": 1},
        ("(A) a (B) b", "B", "choice"),
    ),
    ("aime24", {"id": 1, "problem": "P", "answer": "025"}, ("P", "25", "free")),
    ("amc23", {"id": 1, "problem": "P", "answer": 27.0}, ("P", "27", "free")),
    ("cmath", {"question": "Q", "golden": "12%"}, ("Q", "12%", "free")),
    (
        "cn_middle_school",
        {"question": "Q\nA.-2  B.0", "answer": "-2", "choice_answer": "A"},
        ("B.0", "A", "choice"),
    ),
    ("cn_middle_school", {"question": "Q", "answer": "3", "choice_answer": ""}, ("Q", "3", "free")),
    ("gaokao_cloze", {"question": "Q", "answer": "$3$"}, ("Q", "3", "free")),
    (
        "gaokao_qa",
        {"question": "Q", "options": {"A": "1", "B": "2"}, "label": "A B", "answer": None},
        ("(A) 1 (B) 2", "AB", "choice"),
    ),
]


def imported(name: str, *rows: dict[str, object]) -> Imported[Problem]:
    return read_problems(rows_of([("f", rows)]), name, PROBLEM_SETS[name], "test")


@pytest.mark.parametrize(("name", "row", "expected"), CASES)
def test_each_format_gives_question_answer_and_kind(
    name: str, row: dict[str, object], expected: tuple[str, str, str]
) -> None:
    (problem,) = imported(name, row).records
    end, answer, kind = expected
    assert problem.question.endswith(end)
    assert (problem.answer, problem.answer_kind, problem.split) == (answer, kind, "test")


def test_ids_are_the_sets_own_or_the_rows_position() -> None:
    row: dict[str, object] = {"question": "Q", "final_answer": ["1"]}
    assert imported("olympiadbench", {**row, "id": 1606}).records[0].problem_id == (
        "olympiadbench/test/1606"
    )
    bad: dict[str, object] = {"question": "Q", "answer": "no hashes"}
    good: dict[str, object] = {"question": "Q", "answer": "#### 1"}
    result = imported("gsm8k", bad, good)
    # a rejected row keeps its number, so that ids do not shift when it is mended
    assert [p.problem_id for p in result.records] == ["gsm8k/test/1"]
    assert result.rejected[0].reason.startswith("answer: found no ####; allowed: a solution")


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("math", {"problem": "P", "solution": r"\boxed{1"}, r"solution: found no complete \boxed"),
        ("math", {"problem": "P", "final_answer": " "}, "final_answer: found no answer"),
        ("math", {"solution": "s"}, "question: found no such column among solution"),
        ("amc23", {"problem": "P", "answer": None}, "answer: found null; allowed: a number"),
        ("mmlu_stem", {"question": "Q", "choices": [], "answer": 1}, "choices: found"),
        ("mmlu_stem", {"question": "Q", "choices": ["a"], "answer": 99}, "answer: found 99"),
        ("olympiadbench", {"question": "Q", "final_answer": "1"}, "final_answer: found '1'"),
        ("olympiadbench", {"question": "Q", "final_answer": ["1"], "id": 1.5}, "id: found 1.5"),
    ],
)
def test_a_row_without_a_usable_answer_is_rejected_with_its_field(
    name: str, row: dict[str, object], reason: str
) -> None:
    result = imported(name, row)
    assert result.records == []
    assert result.rejected[0].reason.startswith(reason)


def test_dollars_are_taken_off_only_where_they_enclose_the_whole_answer() -> None:
    assert bare_answer(" $\\frac{1}{2}$ ") == "\\frac{1}{2}"
    assert bare_answer("$\\$ 3040$") == "\\$ 3040"
    assert bare_answer("$1$ or $2$") == "$1$ or $2$"
    assert bare_answer("$") == "$"


def test_every_set_says_where_it_comes_from() -> None:
    for problem_set in PROBLEM_SETS.values():
        assert problem_set.source
        assert problem_set.licence
        assert problem_set.kind in ("free", "choice", "mixed")
        assert all(n > 0 for n in problem_set.splits.values())


# (set, split, file, rows rejected, rows of multiple choice); expected rows stand in the table
REAL = [
    ("gsm8k", "test", "gsm8k_test.jsonl", 0, 0),
    ("gsm8k", "train", "gsm8k_train.jsonl.gz", 0, 0),
    ("math", "test", "math_test_5000.jsonl.gz", 0, 0),
    ("math", "train", "math_train_7500_answers.json.gz", 2, 0),  # two answers are empty
    ("math500", "test", "math500.jsonl", 0, 0),
    ("minerva_math", "test", "minerva_math.jsonl.gz", 0, 0),
    ("gaokao2023en", "test", "gaokao2023en.jsonl.gz", 2, 46),  # two answers are empty
    ("olympiadbench", "test", "olympiadbench.jsonl.gz", 0, 0),
    ("college_math", "test", "college_math.jsonl.gz", 0, 0),
    ("mmlu_stem", "test", "mmlu_stem.jsonl.gz", 0, 3018),
    ("aime24", "test", "aime24.jsonl.gz", 0, 0),
    ("amc23", "test", "amc23.jsonl.gz", 0, 0),
    ("cmath", "test", "cmath.jsonl.gz", 0, 0),
    ("cn_middle_school", "test", "cn_middle_school.jsonl.gz", 0, 41),
    ("gaokao_cloze", "test", "gaokao_math_cloze.jsonl.gz", 0, 0),
    ("gaokao_qa", "test", "gaokao_math_qa.jsonl.gz", 0, 351),
]


@pytest.mark.parametrize(("name", "split", "file", "n_rejected", "n_choice"), REAL)
def test_the_published_file_has_the_expected_rows(
    name: str, split: str, file: str, n_rejected: int, n_choice: int
) -> None:
    rows = read_rows([shared(f"problems/{file}")])
    result = read_problems(rows, name, PROBLEM_SETS[name], split)
    assert result.n_rows == PROBLEM_SETS[name].splits[split]
    assert len(result.rejected) == n_rejected
    assert len(result.records) == result.n_rows - n_rejected
    assert Counter(p.answer_kind for p in result.records)["choice"] == n_choice
