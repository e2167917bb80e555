"""What is printed of Best-of-N: one row an outcome model, what is missing, what is resolved."""

import json
from pathlib import Path
from typing import Any

import pytest
from run_prm import Prm

from prmkit.evaluation.published import TASKS

WORDS = ("evaluate", "best-of-n", "--resamples", 100)


def row(name: str, right: list[bool | None], scores: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "problem_id": name,
        "question": "?",
        "answer": "4",
        "responses": ["a"] * len(right),
        "extracted": ["4" if ok else "5" for ok in right],
        "correct": right,
        "scores": scores,
        **more,
    }


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def shown(prm: Prm, *arguments: object) -> str:
    done = prm(*WORDS, *arguments)
    assert done.code == 0, done.err
    return " ".join(done.out.split())


def test_one_score_a_response_makes_one_row_whatever_the_aggregate(
    prm: Prm, tmp_path: Path
) -> None:
    rows = [row(f"p{i}", [True, False, False], [0.9, 0.1, 0.2]) for i in range(20)]
    outcome = write(tmp_path / "outcome.jsonl", rows)
    words = shown(prm, "--samples", outcome, "--samples", f"again={outcome}")
    assert "scores best product" not in words
    assert "│ scores best │" in words
    # the best by score is right in every problem, the majority in none
    assert "│ a is better │" in words or "│ b is better │" in words
    stepwise = write(
        tmp_path / "steps.jsonl", [r | {"scores": [[0.9], [0.1], [0.2]]} for r in rows]
    )
    assert "scores best product" in shown(prm, "--samples", stepwise)


def test_samples_without_an_outcome_or_an_answer_are_counted(prm: Prm, tmp_path: Path) -> None:
    rows = [row("p0", [True, None], [0.5, 0.6]), row("p1", [False, True], [0.5, 0.6])]
    rows[1]["extracted"] = [None, "4"]
    words = shown(prm, "--samples", write(tmp_path / "s.jsonl", rows))
    assert "Neither right nor wrong: 1 of 4 samples." in words
    assert "Without an answer, so without a vote: 1 of 4 samples." in words


def test_where_no_outcome_is_known_nothing_is_compared(prm: Prm, tmp_path: Path) -> None:
    samples = write(tmp_path / "s.jsonl", [row("p0", [None, None], [0.5, 0.6])])
    words = shown(prm, "--samples", samples)
    assert "Neither right nor wrong: 2 of 2 samples." in words
    assert "majority │ n/a │ n/a" in words
    assert "what is resolved?" not in words


def test_two_files_of_one_name_are_no_two_tasks(prm: Prm, tmp_path: Path) -> None:
    samples = write(tmp_path / "s.jsonl", [row("p0", [True], [0.5])])
    done = prm(*WORDS, "--samples", samples, "--samples", samples)
    assert done.code == 1
    assert "two tasks have the same name; name them: --samples TASK=FILE" in done.err


def test_a_grade_needs_a_reference(prm: Prm, tmp_path: Path) -> None:
    rows = [row("p0", [True, True], [0.5, 0.6], answer="")]
    done = prm(*WORDS, "--samples", write(tmp_path / "s.jsonl", rows), "--grade")
    assert done.code == 1
    assert "1 rows without `answer`, which --grade needs (p0)" in done.err


@pytest.mark.parametrize("n", [8, 4])
def test_the_papers_seven_tasks_with_eight_samples_stand_among_the_published(
    prm: Prm, tmp_path: Path, n: int
) -> None:
    rows = [
        row(f"{task}-{i}", [True] * n, [[0.5]] * n, task=task) for task in TASKS for i in range(2)
    ]
    samples = write(tmp_path / "s.jsonl", rows)
    words = shown(prm, "--samples", samples, "--by-task", "--published")
    assert ("Not all systems stand among the published" in words) == (n != 8)
    assert ("> scores best product │ 100.0" in words) == (n == 8)
