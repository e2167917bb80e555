import json
from pathlib import Path

import pytest
from made_runs import make_run

from prmkit.analysis.questions import QUESTIONS
from prmkit.cli import main
from prmkit.cli.analyse import Name


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "made")


def called(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["prm", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main.main()
    code = ended.value.code
    assert isinstance(code, int)
    return code


def test_every_question_can_be_asked_by_name() -> None:
    assert {name.value for name in Name} == {*QUESTIONS, "all", "runs"}


def test_json_holds_every_answer(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "analyse", "all", run, "--json", "--resamples", "100") == 0
    answers = json.loads(capsys.readouterr().out)
    assert [answer["name"] for answer in answers] == list(QUESTIONS)
    assert {answer["run"] for answer in answers} == {str(run)}
    cells = [c for a in answers for t in a["tables"] for r in t["rows"] for c in r]
    assert any(isinstance(c, dict) and {"value", "low", "high", "n"} <= c.keys() for c in cells)


def test_tables_say_what_the_paper_has(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "analyse", "process-errors", run, "--published") == 0
    out = capsys.readouterr().out
    assert "Figure 6" in out
    assert "43.4" in out  # Omni-MATH in the paper


def test_a_folder_that_is_no_run_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (("analyse", "position"), ("report",)):
        for folder in (tmp_path, tmp_path / "absent"):
            assert called(monkeypatch, *command, folder) == 1
            errors = capsys.readouterr().err
            assert errors.count("\n") == 1
            assert str(folder) in errors


def test_a_comparison_takes_two(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "analyse", "runs", run) == 2
    assert "two run folders" in capsys.readouterr().err
    assert called(monkeypatch, "analyse", "runs", run, run, "--json") == 0
    (table,) = json.loads(capsys.readouterr().out)
    assert {row[4]["value"] for row in table["rows"]} == {0.0}


def test_the_page_goes_into_the_run_s_folder_unless_told_otherwise(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "report", run) == 0
    page = run / "report.html"
    assert str(page) in capsys.readouterr().out
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert called(monkeypatch, "report", run, run) == 2  # whose folder?
    assert called(monkeypatch, "report", run, run, "--out", tmp_path / "two.html") == 0
    assert called(monkeypatch, "report", run, "--out", tmp_path / "no" / "such.html") == 1


def test_a_comparison_and_a_count_are_printed_as_a_person_reads_them(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "analyse", "runs", run, run) == 0
    assert "made and made, over the problems that both have" in capsys.readouterr().out
    assert called(monkeypatch, "analyse", "filtering", run) == 0
    assert "Why solutions were dropped" in " ".join(capsys.readouterr().out.split())
    labelled = ("analyse", "soft-labels", run, "--study", run)  # a study is about thresholds alone
    assert called(monkeypatch, *labelled) == 0
    assert "Note: No PRM of this run learnt from soft labels" in capsys.readouterr().out


def test_a_study_that_is_none_is_one_line(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.json").write_text('{"name": "label-cost"}')
    assert called(monkeypatch, "analyse", "threshold", run, "--study", tmp_path) == 1
    assert "study.json: not the answer of prm study: " in capsys.readouterr().err
