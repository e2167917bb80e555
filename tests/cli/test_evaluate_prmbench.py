import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from run_prm import Prm
from shared_data import shared

from prmkit.datasets.prmbench import DIMENSIONS


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def case(kind: str, idx: str, n_steps: int, wrong: list[int]) -> dict[str, Any]:
    return {
        "original_question": f"{idx}?",
        "modified_question": f"{idx}!",
        "original_process": ["s"] * 3,
        "modified_process": ["s"] * n_steps,
        "error_steps": wrong,
        "idx": idx,
        "classification": kind,
    }


CASES = [
    case("redundency", "a", 4, [2, 3]),
    case("redundency", "b", 3, [3]),
    case("deception", "a", 3, [1, 9]),
    case("multi_solutions", "c", 2, []),
]
SCORES = {
    "redundency_a": [0.9, 0.2, 0.6, 0.5],
    "redundency_b": [0.9, 0.9, 0.1],
    "deception_a": [0.8, 0.7, 0.4],
    "multi_solutions_c": [0.9, 0.3],
    "correct_a": [0.9, 0.9, 0.4],
    "correct_b": [0.9, 0.9, 0.9],
}
# With the official code (ssmisya/PRMBench, mr_eval/tasks/prmtest_classified/task.py at a1ae4ea) on
# these rows, labels score > 0.5: TP 5, FP 2, TN 2, FN 3 over all but `correct`.
OFFICIAL = {
    "precision": 0.7142857142857143,
    "recall": 0.625,
    "f1": 0.6666666666666666,
    "negative_precision": 0.4,
    "negative_recall": 0.5,
    "negative_f1": 0.4444444444444445,
    "correct_step_acc": 0.625,
    "wrong_step_acc": 0.5,
    "total_step_acc": 0.5833333333333334,
    "first_error_acc": 0.6666666666666666,
    "similarity": 0.16666666666666666,
}


def lines(scores: dict[str, list[float]]) -> list[dict[str, Any]]:
    return [{"key": key, "scores": values} for key, values in scores.items()]


def test_the_official_figures_are_reproduced_unrounded(prm: Prm, tmp_path: Path) -> None:
    data, scores = write(tmp_path / "d.jsonl", *CASES), write(tmp_path / "s.jsonl", *lines(SCORES))
    done = prm("evaluate", "prmbench", "--data", data, "--scores", scores, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    for name, value in OFFICIAL.items():
        assert found[name] == pytest.approx(100 * value, abs=1e-9), name
    assert found["prm_score"] == pytest.approx(50 * (2 / 3 + 4 / 9), abs=1e-9)
    # redundency: TP 3, FP 1, TN 2, FN 1: F1 6/8, negative F1 4/6
    assert found["classes"]["redundency"]["prm_score"] == pytest.approx(50 * (3 / 4 + 2 / 3))
    # no wrong step: F1 alone, TP 1, FN 1
    assert found["classes"]["multi_solutions"]["prm_score"] == pytest.approx(200 / 3)
    assert found["classes"]["multi_solutions"]["negative_f1"] is None
    assert found["dimensions"]["simplicity"] is None  # circular is missing


def test_the_threshold_is_a_parameter(prm: Prm, tmp_path: Path) -> None:
    data, scores = write(tmp_path / "d.jsonl", *CASES), write(tmp_path / "s.jsonl", *lines(SCORES))
    done = prm(
        *("evaluate", "prmbench", "--data", data, "--scores", scores),
        *("--threshold", "0.6", "--json"),  # 0.6 is not above it
    )
    assert json.loads(done.out)["negative_recall"] == pytest.approx(100 * 3 / 4)


def test_the_unchanged_solutions_may_be_absent_altogether(prm: Prm, tmp_path: Path) -> None:
    few = {key: values for key, values in SCORES.items() if not key.startswith("correct")}
    data, scores = write(tmp_path / "d.jsonl", *CASES), write(tmp_path / "s.jsonl", *lines(few))
    arguments = ("evaluate", "prmbench", "--data", data, "--scores", scores)
    found = json.loads(prm(*arguments, "--json").out)
    assert found["f1"] == pytest.approx(200 / 3)
    assert found["similarity"] is None
    assert "(class correct) were not scored" in prm(*arguments).out


def test_what_does_not_fit_is_counted_named_and_refused(prm: Prm, tmp_path: Path) -> None:
    data = write(tmp_path / "d.jsonl", *CASES)
    some = {key: SCORES[key] for key in ("redundency_a", "multi_solutions_c", "correct_a")}
    rows = [
        *lines(some),
        {"key": "redundency_b", "scores": [0.1]},
        {"key": "redundency_a", "scores": [0.1]},
        {"key": "x", "scores": [0.1]},
        {"key": "deception_a", "scores": [0.1, float("nan"), 0.1]},
    ]
    scores = write(tmp_path / "s.jsonl", *rows)
    done = prm("evaluate", "prmbench", "--data", data, "--scores", scores)
    assert done.code == 1
    for words in (
        "2 cases without a row (correct_b, deception_a)",
        "1 rows whose key came before (redundency_a~2)",
        "1 keys that the data do not have (x)",
        "(redundency_b: 1 scores for 3 steps)",
        "scores.1: found nan; allowed: a list of finite numbers",
    ):
        assert words in done.err, words
    shown = prm("evaluate", "prmbench", "--data", data, "--scores", scores, "--partial").out
    assert "PARTIAL: 3 of 6 cases" in shown


def test_the_benchmark_itself_is_read(prm: Prm, tmp_path: Path) -> None:
    file = shared("prmbench/prmbench_6216.jsonl.gz")
    text = gzip.decompress(file.read_bytes()).decode()
    rows = [json.loads(line) for line in text.split("\n") if line]
    scores = [
        {
            "key": f"{row['classification']}_{row['idx']}",
            "scores": [float(i + 1 not in row["error_steps"]) for i in range(n)],
        }
        for row in rows
        for n in (len(row["modified_process"]),)
    ]
    done = prm(
        *("evaluate", "prmbench", "--data", file, "--resamples", "100"),
        *("--scores", write(tmp_path / "s.jsonl", *scores), "--json"),
    )
    found = json.loads(done.out)
    assert found["prm_score"] == 100.0
    assert {name: of["n_cases"] for name, of in found["classes"].items()} == {
        "redundency": 758,
        "circular": 758,
        "counterfactual": 757,
        "step_contradiction": 758,
        "domain_inconsistency": 757,
        "confidence": 757,
        "missing_condition": 756,
        "deception": 750,
        "multi_solutions": 160,  # of 165, five are second solutions under a key
    }


def test_scores_come_from_a_file_or_from_a_prm(prm: Prm, tmp_path: Path) -> None:
    data, scores = write(tmp_path / "d.jsonl", *CASES), write(tmp_path / "s.jsonl", *lines(SCORES))
    for sources in ((), ("--scores", scores, "--prm", tmp_path)):
        done = prm("evaluate", "prmbench", "--data", data, *sources)
        assert (done.code, done.err) == (1, "error: give either --scores FILE or --prm DIR\n")


def test_what_is_left_out_of_the_figures_is_said_below_them(prm: Prm, tmp_path: Path) -> None:
    second = {**CASES[3], "modified_process": ["s"] * 3}
    data = write(tmp_path / "d.jsonl", *CASES, second)
    rows = [*lines(SCORES), {"key": "multi_solutions_c", "scores": [0.9] * 3}]
    scores = write(tmp_path / "s.jsonl", *rows)
    done = prm("evaluate", "prmbench", "--data", data, "--scores", scores, "--published")
    assert "Left out: 1 second solutions under one key, as the official code does." in done.out
    assert "theirs is not the whole benchmark" in done.out


def test_a_whole_benchmark_stands_among_the_published(prm: Prm, tmp_path: Path) -> None:
    kinds = [kind for members in DIMENSIONS.values() for kind in members]
    cases = [case(kind, "a", 3, [] if kind == "multi_solutions" else [2]) for kind in kinds]
    data = write(tmp_path / "d.jsonl", *cases)
    found = {f"{kind}_a": [0.9, 0.9 if kind == "multi_solutions" else 0.1, 0.9] for kind in kinds}
    scores = write(tmp_path / "own.jsonl", *lines({**found, "correct_a": [0.9] * 3}))
    done = prm("evaluate", "prmbench", "--data", data, "--scores", scores, "--published")
    words = " ".join(done.out.split())
    # negative F1 is undefined where no step is wrong: that class has F1 alone
    assert "> own.jsonl │ 100.0 │ 100.0 │ 100.0 │ 100.0 │ this evaluation" in words, words[-3000:]
