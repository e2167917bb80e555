import json
import subprocess
import sys
from pathlib import Path

from run_prm import Prm


def fresh(*arguments: str) -> subprocess.CompletedProcess[str]:
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
    done = fresh("--pairs", str(pairs), "--out", str(out))
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
    absent = fresh("--pairs", str(tmp_path / "absent"), "--out", str(tmp_path / "out"))
    assert absent.returncode == 1
    assert "cannot be read" in absent.stderr
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"answer": "1", "reference": "1"}\n')
    nowhere = fresh("--pairs", str(pairs), "--out", str(tmp_path / "no" / "out"))
    assert nowhere.returncode == 1
    assert "cannot be written" in nowhere.stderr
    assert fresh("--pairs", str(pairs)).returncode == 2
    assert list(tmp_path.iterdir()) == [pairs]


def test_help_has_examples() -> None:
    done = fresh("--help")
    assert done.returncode == 0
    assert "prm grade --pairs answers.jsonl --out graded.jsonl" in " ".join(done.stdout.split())


def test_bad_lines_are_named_and_those_too_many_to_name_are_counted(
    prm: Prm, tmp_path: Path
) -> None:
    pairs, out = tmp_path / "pairs.jsonl", tmp_path / "out.jsonl"
    good = [json.dumps({"answer": "4", "reference": "4"})] * 994
    long = json.dumps({"answer": "4" * (18 << 20), "reference": "4"})
    pairs.write_text("\n".join([*good, *["{}"] * 6, long, *good]) + "\n")
    done = prm("grade", "--pairs", pairs, "--out", out)
    assert done.code == 0
    # 994 + 6 + 1 + 994; the long line, 18 MB, is not read as two
    assert done.out == "1,995 lines: 1,988 correct, 0 incorrect, 7 unscored\n"
    assert "7 bad lines, unscored:" in done.err
    assert "pairs.jsonl:999: " in done.err
    assert "  and 2 more, see `reason`" in done.err


def test_a_clean_file_names_no_line(prm: Prm, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"answer": "4", "reference": "4"}\n')
    done = prm("grade", "--pairs", pairs, "--out", tmp_path / "out.jsonl")
    assert done.out == "1 lines: 1 correct, 0 incorrect, 0 unscored\n"
    assert "bad lines" not in done.err
