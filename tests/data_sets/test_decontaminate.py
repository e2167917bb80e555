import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import shared

from prmkit.datasets.decontaminate import EvaluationIndex, EvaluationProblem, decontaminate
from prmkit.datasets.problems import PROBLEM_SETS, read_problems
from prmkit.datasets.rows import read_rows

WORDS = [f"w{i}" for i in range(40)]


def text(*words: str) -> str:
    return " ".join(words)


def index(*texts: str) -> EvaluationIndex:
    return EvaluationIndex([EvaluationProblem(f"e{i}", text) for i, text in enumerate(texts)])


@pytest.mark.parametrize(
    "training",
    [
        r"What is $x+2$ if $\left(x\right)=3$?",
        "what is x+2 if (x)=3",
        "What  is\n\\, x+2 if (x)=3 ?",
        "What is \uff58+2 if (x)=3?",
    ],
)
def test_case_white_space_dollars_and_latex_spacing_hide_nothing(training: str) -> None:
    match = index("What is $x+2$ if $(x)=3$?").find("t", training)
    assert match is not None
    assert (match.rule, match.ratio, match.evaluation) == ("exact", 1.0, "e0")


def test_another_operator_is_another_problem() -> None:
    assert index("What is $x+2$?").find("t", "What is $x-2$?") is None


def test_thirteen_words_in_a_row_and_more_than_six_tenths_are_needed() -> None:
    # of 20 evaluation words the first 13 stand in the training text: 13/20 > 0.6
    assert index(text(*WORDS[:20])).find("t", text("other", *WORDS[:13], "end")) is not None
    # 12 in a row: not enough, though 19 of 20 words are the same
    broken = text(*WORDS[:12], "x", *WORDS[13:20])
    assert index(text(*WORDS[:20])).find("t", broken) is None
    # 15 of 25 words: 0.6 is not more than 0.6
    assert index(text(*WORDS[:25])).find("t", text(*WORDS[:15])) is None
    # 13 of 22 words: 0.59
    assert index(text(*WORDS[:22])).find("t", text(*WORDS[:13])) is None


def test_the_nearest_evaluation_problem_is_named_with_its_share() -> None:
    far, near = text(*WORDS[:20]), text(*WORDS[:15])
    match = index(far, near).find("t", text(*WORDS[:13], "x", "y"))
    assert match is not None
    assert (match.evaluation, match.ratio) == ("e1", 13 / 15)


def test_a_problem_inside_a_longer_text_is_found() -> None:
    inside = text(*WORDS[20:40], *WORDS[:15], "and", "more")
    match = index(text(*WORDS[:15])).find("t", inside)
    assert match is not None
    assert match.ratio == 1.0


def test_a_chinese_character_is_a_word() -> None:
    question = (
        "\u4e2d\u6587\u9898\u76ee\u8bf4\u660e\u6bcf\u4e2a\u5b57\u90fd\u662f\u8bcd\u7684\u610f\u601d"
    )
    assert index(question + "1").find("t", question + "2") is not None


def test_drawings_have_no_words() -> None:
    drawing = f"[asy] {text(*WORDS[:30])} [/asy]"
    assert index(f"One? {drawing}").find("t", f"Two! {drawing}") is None


def test_rows_are_kept_or_removed_and_all_rows_of_a_problem_share_its_fate() -> None:
    rows = [("a", "What is 1?"), ("b", "What is 2?"), ("c", "what is 1")]
    found = decontaminate(rows, lambda row: EvaluationProblem(*row), index("What is 1?"))
    assert found.kept == [("b", "What is 2?")]
    assert [(match.row, match.evaluation) for match in found.removed] == [("a", "e0"), ("c", "e0")]


def lcs(a: list[str], b: list[str]) -> int:
    """The table of the textbook."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            same = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = same
    return table[-1][-1]


LISTS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=12)


@given(LISTS, LISTS)
def test_the_ratio_is_the_longest_common_subsequence(a: list[str], b: list[str]) -> None:
    # a word in common is enough here, so that every pair is compared
    match = EvaluationIndex([EvaluationProblem("e", text(*a, "end"))], 1, 0.0).find(
        "t", text("to", *b)
    )
    common = lcs(a, b)
    assert (match.ratio if match else 0.0) == common / (len(a) + 1)


def test_all_of_math_500_is_found_in_the_test_set_that_it_was_drawn_from() -> None:
    def problems(name: str, file: str) -> list[EvaluationProblem]:
        rows = read_rows([shared(f"problems/{file}")])
        found = read_problems(rows, name, PROBLEM_SETS[name], "test").records
        return [EvaluationProblem(problem.problem_id, problem.question) for problem in found]

    evaluation = problems("math500", "math500.jsonl")
    training = problems("math", "math_test_5000.jsonl.gz")
    found = decontaminate(training, lambda question: question, EvaluationIndex(evaluation))
    exact = [match for match in found.removed if match.rule == "exact"]
    assert len({match.evaluation for match in exact}) == len(exact) == 500
    assert len(found.kept) + len(found.removed) == 5000
