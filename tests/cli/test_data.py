import json
from pathlib import Path

import pytest

from prmkit.cli.main import main
from prmkit.datasets.formats import FORMATS

ROWS = Path(__file__).parents[1] / "data_sets" / "rows"


def prm(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["prm", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def test_an_import_prints_its_counts_and_leaves_its_tables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(ROWS / "gsm8k.jsonl"), str(ROWS / "math.jsonl")]
    code = prm(monkeypatch, "import", "gsm8k", *files, "--out", str(tmp_path / "a"), "--json")
    out, err = capsys.readouterr()
    assert code == 0
    assert json.loads(out)["rows"] == {"in": 4, "used": 2, "dropped": {}, "rejected": 2}
    assert err.count("rejected: ") == 2
    assert f"{files[1]}, line 1: question: " not in err  # `problem` holds the question
    assert f"{files[1]}, line 1: answer: found no such column among problem, level" in err
    assert (tmp_path / "a" / "problems.parquet").exists()


def test_options_and_decontamination_reach_the_import(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = json.loads((ROWS / "prm800k.jsonl").read_text().splitlines()[0])["question"]
    (tmp_path / "e.jsonl").write_text(json.dumps({"question": question["problem"]}))
    code = prm(
        monkeypatch,
        *("import", "prm800k", str(ROWS / "prm800k.jsonl"), "--out", str(tmp_path / "a")),
        *("--set", "neutral=dropped", "--decontaminate-against", str(tmp_path / "e.jsonl")),
    )
    assert code == 0
    # 17 rows without neutral steps, 9 of them of the first problem
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "\u2502 records left out as contaminated \u2502 9 \u2502" in lines
    assert "\u2502 labelled.parquet \u2502 8 \u2502" in lines


def test_copies_of_rows_without_id_are_kept_and_said_or_rejected_with_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = json.dumps({"prompt": "Q", "completions": ["a"], "labels": [True]})
    file = tmp_path / "mine.jsonl"
    file.write_text(f"{row}\n{row}\n")
    words = ("import", "trl", str(file), "--json", "--out")
    assert prm(monkeypatch, *words, str(tmp_path / "kept")) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["rows"]["used"] == 2
    assert json.loads(out)["notes"]["copies of earlier rows"] == 1
    assert f"the first {file}, line 2: the same as {file}, line 1; --once rejects them" in err
    assert prm(monkeypatch, *words, str(tmp_path / "once"), "--once") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["rows"] == {"in": 2, "used": 1, "dropped": {}, "rejected": 1}
    assert f"rejected: {file}, line 2: found the same row as {file}, line 1" in err
    assert "kept: " not in err


def test_a_table_is_exported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, out = str(ROWS / "math_shepherd.jsonl"), str(tmp_path / "a")
    assert prm(monkeypatch, "import", "math_shepherd", rows, "--out", out) == 0
    table, file = f"{out}/labelled.parquet", str(tmp_path / "trl.jsonl")
    assert prm(monkeypatch, "export", "trl", table, "--out", file) == 0
    assert capsys.readouterr().out.endswith(f"2 rows written to {file}\n")


def test_the_list_shows_every_format(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prm(monkeypatch, "import", "--list") == 0
    out = capsys.readouterr().out
    assert all(f" {name} " in out for name in FORMATS)
    assert "1,319" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gsm9k", "f"), "error: format 'gsm9k': allowed are gsm8k, "),
        (("gsm8k", "absent.json"), "error: absent.json: cannot be read"),
        (("gsm8k",), "error: gsm8k: give either files or --hub"),
        (("math500", str(ROWS / "prmbench.jsonl")), "error: math500: none of 3 rows could be used"),
    ],
)
def test_what_cannot_be_imported_is_one_line_and_exit_1(
    arguments: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert prm(monkeypatch, "import", *arguments, "--out", str(tmp_path / "a")) == 1
    assert message in capsys.readouterr().err
