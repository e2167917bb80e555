import json
from pathlib import Path
from typing import Any

import pytest
from run_prm import Prm
from shared_data import shared


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def row(name: str, answers: list[str | None], right: str, scores: list[Any]) -> dict[str, Any]:
    return {
        "problem_id": name,
        "question": "?",
        "answer": right,
        "responses": ["a" * (9 - i) for i in range(len(answers))],
        "extracted": answers,
        "correct": [answer == right for answer in answers],
        "scores": scores,
    }


# Worked with the official code on these rows, all four samples: Qwen2.5-Math, evaluation/
# rm_maj_eval.py at a45202b, maj@4 and rm@4; search-and-learn, sal/utils/math.py at 6f81cac,
# find_majority_answer, find_answer_with_largest_sum, and sorted(..., reverse=True)[0].
ROWS = [
    row("p0", ["4", "5", "5", "6"], "4", [[0.9, 0.9], [0.5, 1.0], [0.6, 0.2], [0.9, 0.1]]),
    row("p1", ["7", "8", "8", "7"], "8", [[0.5], [0.2, 0.9], [0.9, 0.4], [0.2, 0.6]]),
    row("p2", ["1", "2", "3", "1"], "3", [[0.2, 0.8], [0.7, 0.3], [0.8, 0.8], [0.9, 0.7]]),
]
OFFICIAL = {
    ("majority", ""): 0.0,
    ("best", "product"): 200 / 3,
    ("best", "min"): 200 / 3,
    ("best", "last"): 100 / 3,
    ("weighted_majority_by", "product"): 100 / 3,
    ("weighted_majority_by", "min"): 100 / 3,
    ("weighted_majority_by", "last"): 100 / 3,
}


def test_the_official_figures_are_reproduced_unrounded(prm: Prm, tmp_path: Path) -> None:
    done = prm("evaluate", "best-of-n", "--samples", write(tmp_path / "s.jsonl", *ROWS), "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["n"], found["n_samples"]) == (3, 4)
    # right samples: 1, 2, 1 of 4
    assert found["pass"]["1"] == pytest.approx(100 * (1 / 4 + 1 / 2 + 1 / 4) / 3, abs=1e-9)
    assert found["pass"]["2"] == pytest.approx(100 * (1 / 2 + 5 / 6 + 1 / 2) / 3, abs=1e-9)
    for (name, how), value in OFFICIAL.items():
        curve = found[name][how] if how else found[name]
        assert curve["4"] == pytest.approx(value, abs=1e-9), (name, how)
    assert found["weighted_majority"] == found["weighted_majority_by"]["product"]


def test_ties_are_shared_if_asked_for(prm: Prm, tmp_path: Path) -> None:
    tied = row("p", ["5", "4"], "4", [0.5, 0.5])
    arguments = ("evaluate", "best-of-n", "--samples", write(tmp_path / "s.jsonl", tied), "--json")
    first = json.loads(prm(*arguments).out)
    assert (first["majority"]["2"], first["best"]["min"]["2"]) == (0.0, 0.0)
    shares = json.loads(prm(*arguments, "--tie", "fractional").out)
    assert (shares["majority"]["2"], shares["best"]["min"]["2"]) == (50.0, 50.0)


def test_a_missing_answer_abstains_or_votes(prm: Prm, tmp_path: Path) -> None:
    missing = row("p", ["", None, "4"], "4", [0.1, 0.2, 0.3])
    samples = write(tmp_path / "s.jsonl", missing)
    arguments = ("evaluate", "best-of-n", "--samples", samples, "--json")
    assert json.loads(prm(*arguments).out)["majority"]["3"] == 100.0
    # as in rm_maj_eval.py, where "" is an answer
    assert json.loads(prm(*arguments, "--missing", "vote").out)["majority"]["3"] == 0.0


def test_answers_are_found_and_graded_as_in_the_pipeline(prm: Prm, tmp_path: Path) -> None:
    texts = ["So \\boxed{0.5}", "It is \\boxed{\\frac12}.", "no idea"]
    ungraded = {"problem_id": "p", "question": "?", "answer": "1/2", "responses": texts}
    samples = write(tmp_path / "s.jsonl", ungraded)
    done = prm("evaluate", "best-of-n", "--samples", samples, "--json")
    assert done.code == 1
    assert "1 rows without `correct` (give it, or --grade) (p)" in done.err
    found = json.loads(prm("evaluate", "best-of-n", "--samples", samples, "--grade", "--json").out)
    assert found["pass"]["1"] == pytest.approx(200 / 3)
    assert found["n_samples_without_answer"] == 1
    assert found["best"] == {}


def test_what_does_not_fit_is_counted_named_and_refused(prm: Prm, tmp_path: Path) -> None:
    samples = write(
        tmp_path / "s.jsonl",
        *ROWS,
        ROWS[0],
        row("p3", ["1", "2"], "1", [0.1, 0.2]),
        row("p4", ["1"] * 4, "1", [0.1, 0.2, 0.3]),
        row("p5", ["1"] * 4, "1", [0.1, 0.2, 0.3, float("nan")]),
        row("p6", ["1"] * 4, "1", [0.1, 0.2, [0.3], 0.4]),
        {**row("p7", ["1"] * 4, "1", []), "scores": None},
    )
    done = prm("evaluate", "best-of-n", "--samples", samples)
    assert done.code == 1
    assert done.err.count("\n") == 1
    for words in (
        "1 unusable rows, as their id came before (p0 in ",
        "1 rows without 4 responses (p3: 2)",
        "scores: found a list of 3; allowed: one a response, 4",
        "scores.3: found nan; allowed: a finite number or null",
        "1 rows without `scores`, which others have (p7)",
    ):
        assert words in done.err, words
    shown = prm("evaluate", "best-of-n", "--samples", samples, "--partial").out
    assert "PARTIAL: 3 of 9 cases" in shown
    assert "of 3 problems" in shown


def test_a_file_without_rows_is_named(prm: Prm, tmp_path: Path) -> None:
    done = prm("evaluate", "best-of-n", "--samples", write(tmp_path / "s.jsonl"))
    assert (done.code, done.err) == (1, f"error: {tmp_path / 's.jsonl'}: no rows\n")


def test_logits_are_not_multiplied(prm: Prm, tmp_path: Path) -> None:
    steps = row("p", ["4", "5"], "4", [[1.5, -2.0], [0.5, 0.5]])
    found = json.loads(
        prm("evaluate", "best-of-n", "--samples", write(tmp_path / "s.jsonl", steps), "--json").out
    )
    assert list(found["best"]) == ["min", "last", "mean"]
    assert found["weighted_majority"] == {}
    assert len(found["left_out"]) == 2


def test_several_tasks_are_averaged_whatever_their_size(prm: Prm, tmp_path: Path) -> None:
    a, b = write(tmp_path / "a.jsonl", *ROWS), write(tmp_path / "b.jsonl", ROWS[1])
    arguments = ("evaluate", "best-of-n", "--samples", f"x={a}", "--samples", b)
    found = json.loads(prm(*arguments, "--json").out)
    assert list(found["tasks"]) == ["x", "b"]
    assert found["mean_over_tasks"]["scores best product"] == pytest.approx((200 / 3 + 0) / 2)
    assert "All tasks" in prm(*arguments).out


def test_one_file_is_taken_apart_into_its_tasks(prm: Prm, tmp_path: Path) -> None:
    named = {"GSM8K": "p0", "aime_2024": "p1", "own set": "p2"}
    rows = [{**old, "problem_id": "1", "task": task} for old, task in zip(ROWS, named, strict=True)]
    # without a task, by the id: a known name at its head, else what stands before the last dash
    rows += [{**ROWS[0], "problem_id": "gsm8k/test/1"}, {**ROWS[0], "problem_id": "own set-7"}]
    samples = write(tmp_path / "s.jsonl", *rows)
    arguments = ("evaluate", "best-of-n", "--samples", samples, "--by-task")
    found = json.loads(prm(*arguments, "--json").out)
    assert {name: task["n"] for name, task in found["tasks"].items()} == {
        "gsm8k": 2,
        "aime24": 1,
        "own set": 2,
    }
    # best product by OFFICIAL's rows: p0 right; p1 wrong; p2 right: (1 + 0 + 1) / 3
    assert found["tasks"]["gsm8k"]["best"]["product"]["4"] == 100.0
    mean = found["means"]["mean"]["scores best product"]
    assert mean["value"] == found["mean_over_tasks"]["scores best product"]
    assert mean["low"] < mean["value"] < mean["high"]
    shown = prm(*arguments).out
    assert "aime24: right answers, percent, of 1 problems" in shown
    assert "own set" in shown


def test_a_row_of_no_known_task_makes_every_task_partial(prm: Prm, tmp_path: Path) -> None:
    rows = [{**ROWS[0], "task": "math"}, {**ROWS[1], "task": "amc23"}, {"task": "math"}]
    samples = write(tmp_path / "s.jsonl", *rows)
    done = prm("evaluate", "best-of-n", "--samples", samples, "--by-task")
    assert done.code == 1
    assert "task math: 1 unusable rows" in done.err
    shown = prm("evaluate", "best-of-n", "--samples", samples, "--by-task", "--partial").out
    assert shown.count("PARTIAL: 1 of 2 cases: these are not") == 2


def test_nemo_skills_figures_are_reproduced_by_the_command(prm: Prm, tmp_path: Path) -> None:
    stored = json.loads(shared("best_of_n/nemo_skills_math_7x3.json").read_text())
    by_problem: dict[int, list[Any]] = {}
    for sample in sorted(stored["samples"], key=lambda s: (s["problem"], s["sample"])):
        by_problem.setdefault(sample["problem"], []).append(sample)
    rows = [
        {
            "problem_id": str(problem),
            "responses": ["?"] * len(drawn),
            "extracted": [s["predicted_answer"] for s in drawn],
            "correct": [s["symbolic_correct"] for s in drawn],
            "scores": [s["reward_model_score"] for s in drawn],
        }
        for problem, drawn in by_problem.items()
    ]
    samples = write(tmp_path / "s.jsonl", *rows)
    expected = stored["expected"]["hendrycks_math"]
    for n in (2, 3):
        done = prm(
            *("evaluate", "best-of-n", "--samples", samples),
            *("--n", n, "--tie", "fractional", "--json"),
        )
        found = json.loads(done.out)
        assert found["majority"][str(n)] == pytest.approx(expected[f"majority@{n}"], abs=1e-9)
        best, weighted = found["best"]["product"], found["weighted_majority"]
        assert best[str(n)] == pytest.approx(expected[f"rm_best@{n}"], abs=1e-9)
        assert weighted[str(n)] == pytest.approx(expected[f"rm_majority@{n}"], abs=1e-9)
    done = prm("evaluate", "best-of-n", "--samples", samples, "--json")
    assert json.loads(done.out)["pass"]["2"] == pytest.approx(expected["pass@2"], abs=1e-9)
