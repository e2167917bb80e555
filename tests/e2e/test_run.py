"""The whole job, tiny, with the shipped models, through the command line."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from prmkit.records import (
    Dropped,
    JudgeAnnotation,
    LabelledSolution,
    McAnnotation,
    OracleAnnotation,
    Solution,
    StepScores,
)
from prmkit.store import read_records

TOY = Path(__file__).parents[2] / "recipes" / "toy.yaml"
SMALL = {
    "problems": "{n_train: 6, n_validation: 5, n_process: 12, n_best_of_n: 2}",
    "threads": "1",  # two threads on busy cores take ten times as long
    "rollouts.k": "3",
    "training.updates": "6",
    "arms": "[{name: mc, labels: mc}, {name: consensus, labels: consensus}]",
    "evaluation.process_cases": "8",
    "evaluation.best_of": "2",
    "evaluation.resamples": "100",
}
KILLS = 4


def command(out: Path, **changes: str) -> list[str]:
    sets = [f"{key}={value}" for key, value in {**SMALL, **changes}.items()]
    overrides = [word for change in sets for word in ("--set", change)]
    return [sys.executable, "-m", "prmkit.cli.main", "run", str(TOY), "--out", str(out), *overrides]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A finished run and the seconds that it took."""
    out = tmp_path_factory.mktemp("runs") / "undisturbed"
    started = time.monotonic()
    done = subprocess.run(command(out), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "What was learned" in done.stdout
    return out, time.monotonic() - started


@pytest.fixture(scope="module")
def report(undisturbed: tuple[Path, float]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((undisturbed[0] / "report.json").read_text())
    return found


@pytest.mark.slow
def test_killed_at_random_moments_and_resumed_the_report_is_equal_to_the_byte(
    undisturbed: tuple[Path, float], tmp_path: Path
) -> None:
    reference, seconds = undisturbed
    rng = random.Random(20)
    out = tmp_path / "killed"
    for _ in range(KILLS):
        process = subprocess.Popen(
            command(out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(rng.uniform(0.15, 0.7) * seconds)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = subprocess.run(command(out), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert (out / "report.json").read_bytes() == (reference / "report.json").read_bytes()


@pytest.mark.slow
def test_a_changed_recipe_on_an_old_folder_is_refused_naming_the_key(
    undisturbed: tuple[Path, float],
) -> None:
    changed = command(undisturbed[0], **{"rollouts.k": "4"})
    done = subprocess.run(changed, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "rollouts.k" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_every_solution_is_accounted_for(
    undisturbed: tuple[Path, float], report: dict[str, Any]
) -> None:
    out, _ = undisturbed
    drawn = read_records(out / "solutions.train.parquet", Solution)
    kept = read_records(out / "consensus.parquet", LabelledSolution)
    dropped = read_records(out / "dropped.parquet", Dropped)
    mc = read_records(out / "rollouts.parquet", McAnnotation)
    judged = read_records(out / "judge.train.parquet", JudgeAnnotation)
    truth = read_records(out / "truth.train.parquet", OracleAnnotation)
    assert len(drawn) == 6 * 4 * 2  # problems a split, splits, policies
    assert len(mc) == len(judged) == len(truth) == len(kept) + len(dropped)
    assert report["counts"]["consensus"]["in"] == len(mc)
    assert report["counts"]["consensus"]["kept"] == len(kept)


@pytest.mark.slow
def test_prms_score_every_step_of_every_solution(undisturbed: tuple[Path, float]) -> None:
    out, _ = undisturbed
    solutions = {
        s.solution_id: s for s in read_records(out / "solutions.best_of_n.parquet", Solution)
    }
    for arm in ("mc", "consensus"):
        scores = read_records(out / f"scores.{arm}.best_of_n.parquet", StepScores)
        assert {s.solution_id for s in scores} == solutions.keys()
        for row in scores:
            assert row.unscored or len(row.scores) == len(solutions[row.solution_id].steps)


@pytest.mark.slow
def test_prms_score_some_of_the_labelled_solutions_too(undisturbed: tuple[Path, float]) -> None:
    out, _ = undisturbed
    mc = {row.solution_id for row in read_records(out / "rollouts.parquet", McAnnotation)}
    of_arm = {
        arm: {
            s.solution_id for s in read_records(out / f"scores.{arm}.labelled.parquet", StepScores)
        }
        for arm in ("mc", "consensus")
    }
    assert of_arm["mc"] == of_arm["consensus"] <= mc
    assert len(of_arm["mc"]) == min(100, len(mc))


@pytest.mark.slow
def test_the_report_answers_what_the_main_job_asks(report: dict[str, Any]) -> None:
    assert set(report["labels"]) == {"mc", "judge", "consensus"}
    assert {row["system"] for row in report["processbench"]} == {"mc", "consensus", "judge"}
    assert {"pass@2", "maj@2", "mc prm@2 product", "consensus prm@2 last"} <= set(
        report["best_of_n"]
    )
    assert report["cost"]["rollouts"]["generated_tokens"] > 0
    drawn = report["distinct"]["strong: rollouts"]
    assert 0 < drawn["n_distinct"] <= drawn["share"]["n"]
    assert report["findings"]


@pytest.mark.slow
def test_ctrl_c_exits_with_130_and_says_how_to_go_on(tmp_path: Path) -> None:
    # a suite that a shell started in the background ignores the signal, and so would its children
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command(tmp_path / "run"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:  # which closes the pipes; left open, they fail whatever test runs next
        try:
            manifest = tmp_path / "run" / "manifest.json"
            while not manifest.exists() and process.poll() is None:
                time.sleep(0.1)
            time.sleep(1.0)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert "run the same command again" in errors
    assert "Traceback" not in errors
