import json
import subprocess
import sys
from pathlib import Path


def prm(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prmkit.cli.main", "grade", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_file_is_graded_in_order_and_bad_lines_are_named(tmp_path: Path) -> None:
    pairs, out = tmp_path / "pairs.jsonl", tmp_path / "out.jsonl"
    # No line end after the last line; U+2028 within a text ends no line.
    pairs.write_bytes(
        b'{"id": 1, "answer": "1/2", "reference": "0.5"}\n'
        b'{"id": 2, "reference": "0.5"}\n'
        b'{"id": 3, "answer": "So\xe2\x80\xa8it is \\\\boxed{4}", "reference": "5", "kind": "text"}'
    )
    done = prm("--pairs", str(pairs), "--out", str(out))
    rows = [json.loads(line) for line in out.read_bytes().split(b"\n") if line]
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3 lines: 1 correct, 1 incorrect, 1 unscored\n"
    assert "pairs.jsonl:2: field 'answer' is missing" in done.stderr
    assert [(row["id"], row["verdict"]) for row in rows] == [
        (1, "correct"),
        (2, "unscored"),
        (3, "incorrect"),
    ]
    assert sorted(tmp_path.iterdir()) == sorted([pairs, out])


def test_errors_are_one_line_and_leave_no_file(tmp_path: Path) -> None:
    absent = prm("--pairs", str(tmp_path / "absent"), "--out", str(tmp_path / "out"))
    assert absent.returncode == 1
    assert "cannot be read" in absent.stderr
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"answer": "1", "reference": "1"}\n')
    nowhere = prm("--pairs", str(pairs), "--out", str(tmp_path / "no" / "out"))
    assert nowhere.returncode == 1
    assert "cannot be written" in nowhere.stderr
    assert prm("--pairs", str(pairs)).returncode == 2
    assert list(tmp_path.iterdir()) == [pairs]


def test_help_has_examples() -> None:
    done = prm("--help")
    assert done.returncode == 0
    assert "prm grade --pairs answers.jsonl --out graded.jsonl" in " ".join(done.stdout.split())
