"""`prm rollout` as a person types it, against a stub server."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from stub_servers import VllmLike, serving
from tiny_models import tiny_tokenizer

from prmkit.cli.main import main
from prmkit.records import LabelledSolution, McAnnotation, Problem
from prmkit.store import read_records, write_records

N = 6


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Prm = Callable[..., Done]


@pytest.fixture
def prm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Prm:
    """The command in this process: importing its libraries takes longer than its work."""

    def call(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["prm", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Solutions and problems in one folder, and a tokenizer; the server is given by --set."""
    tiny_tokenizer().save_pretrained(tmp_path / "tokenizer")
    rows = [
        LabelledSolution(
            solution_id=f"s{i}",
            question=f"What is {i}?",
            steps=("one", "two", "three"),
            labels=(1, 1, 1),
            source="human",
        )
        for i in range(N)
    ]
    problems = [
        Problem(problem_id=f"p{i}", question=f"What is {i}?", answer="4") for i in range(1, N)
    ]
    write_records(tmp_path / "labelled.parquet", rows, LabelledSolution)
    write_records(tmp_path / "problems.parquet", problems, Problem)
    path = tmp_path / "labels.yaml"
    settings = {
        "name": "labels",
        "solutions": str(tmp_path),
        "completer": {
            "model": "tiny",
            "base_url": "http://127.0.0.1:9/v1",  # nobody is there
            "tokenizer": str(tmp_path / "tokenizer"),
            "sampling": {"temperature": 0.7, "max_new_tokens": 40},
        },
        "rollouts": {"k": 4},
        "resamples": 100,
    }
    path.write_text(json.dumps(settings))  # JSON is YAML
    return path


def test_a_dry_run_reads_the_tables_and_asks_no_server(prm: Prm, recipe: Path) -> None:
    done = prm("rollout", str(recipe), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "1 solutions rejected, the first: s0: no problem with that question" in done.stdout
    assert "rollouts completer            60 calls" in done.stdout  # 5 solutions, 3 steps, 4 draws
    assert "Counted: 5 solutions of 3.0 steps" in done.stdout


def test_a_server_that_is_not_there_is_one_line_before_anything_is_made(
    prm: Prm, recipe: Path, tmp_path: Path
) -> None:
    done = prm("rollout", str(recipe), "--out", str(tmp_path / "run"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: no server at http://127.0.0.1:9/v1: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("words", [[], ["--measure", "2", "--out", "x"]])
def test_a_run_needs_a_folder_and_measuring_a_dry_run(
    prm: Prm, recipe: Path, words: list[str]
) -> None:
    assert prm("rollout", str(recipe), *words).returncode == 2


def test_solutions_are_labelled_measured_and_counted(
    prm: Prm, recipe: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with serving(VllmLike(tiny_tokenizer())) as stub:
        words = ["rollout", str(recipe), "--out", str(out)]
        words += ["--set", f"completer.base_url={stub.base_url}"]
        measured = prm(*words, "--dry-run", "--measure", "2")
        assert measured.returncode == 0, measured.stderr
        assert "Measured on 2 of 5 solutions" in measured.stdout
        assert "2 solutions rolled out" in measured.stderr
        done = prm(*words)
        asked = [body for body in stub.completions() if body["max_tokens"] == 40]
    assert done.returncode == 0, done.stderr
    assert len(asked) == 5 * 3 * 4
    assert len({json.dumps(body) for body in asked}) == len(asked)  # none was paid for twice
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    assert report["cost"]["n_calls"] == 60
    assert report["counts"]["solutions"]["rejected"] == 1
    assert len(read_records(out / "rollouts.parquet", McAnnotation)) == 5
    assert "Estimated, and what it was" in done.stdout
    assert "rejected, see rejected.parquet" in done.stdout
    made = prm("report", str(out))
    assert made.returncode == 0, made.stderr
    page = (out / "report.html").read_text()
    assert "5 given solutions, labelled by Monte Carlo (at most 4 draws a step)" in page
    assert "prm rollout run.yaml --out runs/run" in page
    assert "Monte Carlo (a) beside the labels given (b)" in page
    assert 'id="biases"' not in page  # nothing to say of PRMs that were not trained
    (index,) = re.findall(r'id="index">(.*?)</script>', page)
    rows = json.loads(index)["rows"]
    assert len(rows) == 5
    assert all(row[-1] is not None for row in rows)  # the labels that came along
    assert all(row[10] is not None for row in rows)  # Monte Carlo's
    assert json.loads(prm(*words, "--json").stdout) == report  # though the server is gone
