from prmkit.analysis.literature import SAME_QUESTION, literature
from prmkit.analysis.questions import QUESTIONS


def test_every_question_of_the_paper_has_its_figures() -> None:
    for question in SAME_QUESTION:
        assert literature(question)
    assert set(SAME_QUESTION) - {"evaluation"} <= set(QUESTIONS)
    assert literature("drift") == []


def test_values_are_those_printed() -> None:
    # arXiv 2501.07301, Figure 8: the largest and the smallest share
    (table,) = literature("position")
    shares = {row[0]: row[1] for row in table.rows}
    assert shares["EurusPRM-Stage1"] == "54.6"
    assert shares["RLHFlow-PRM-Mistral-8B"] == "9.1"
    assert [c.name for c in table.columns] == ["system", "last is lowest"]


def test_a_corrected_cell_says_what_was_printed() -> None:
    # arXiv 2501.07301, Table 7: Llama-3.3-70B's correct accuracy on MATH is a misprint
    table = literature("evaluation")[0]
    (row,) = (row for row in table.rows if row[0] == "Llama-3.3-70B-Instruct")
    assert "94.6 (printed 83.2)" in row
