import json

from run_prm import Prm


def test_a_benchmarks_tables_are_printed_with_sources_and_corrections(prm: Prm) -> None:
    done = prm("published", "processbench")
    assert done.code == 0
    words = " ".join(done.out.split())
    assert "arXiv 2501.07301v2, Table 7" in words
    assert "43.3 / 94.6* / 59.4" in words
    assert "math correct accuracy: 94.6, printed 83.2: F1 59.4 needs it" in words


def test_one_table_comes_as_json(prm: Prm) -> None:
    (table,) = json.loads(prm("published", "lessons-table-6", "--json").out)
    assert table["rows"][0]["system"] == "pass@8"
    assert table["rows"][0]["values"][-1] == 74.7


def test_nothing_lists_all_and_an_unknown_name_says_what_there_is(prm: Prm) -> None:
    assert "lessons-table-5" in prm("published").out
    done = prm("published", "table-99")
    assert done.code == 1
    assert "allowed are best-of-n, processbench" in done.err
