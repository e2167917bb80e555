"""The whole job on imported folders: problems without a truth, and cases that somebody labelled."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prmkit.analysis.view import learnt_from
from prmkit.records import (
    BenchmarkCase,
    JudgeAnnotation,
    LabelledSolution,
    McAnnotation,
    Problem,
    StepScores,
)
from prmkit.store import read_records, read_run, write_records
from prmkit.synthetic.examples import judge_case
from prmkit.synthetic.language import question_text
from prmkit.synthetic.problems import SPLITS, make_parts
from prmkit.synthetic.world import make_world

TOY = Path(__file__).parents[2] / "recipes" / "toy.yaml"


def folder_of_problems(folder: Path, seed: int) -> str:
    drawn = make_parts(seed, {"train": 4})["train"]
    rows = [
        p.model_copy(update={"problem_id": f"{folder.name}/{p.problem_id}", "spec": None})
        for p in drawn
        if p.split in ("easy", "medium")
    ]
    folder.mkdir()
    write_records(folder / "problems.parquet", rows, Problem)
    return str(folder)


def folder_of_cases(folder: Path) -> str:
    rng, rows = random.Random(5), list[BenchmarkCase]()
    for i in range(6):
        world = make_world(rng, SPLITS["easy"])
        case = judge_case(rng, world)
        while (case.first_error is None) != bool(i % 2):
            case = judge_case(rng, world)
        rows.append(
            BenchmarkCase(
                case_id=f"c{i}",
                problem_id=f"q{i}",
                subset="easy",
                question=question_text(world),
                steps=tuple(case.steps),
                first_error=case.first_error,
            )
        )
    folder.mkdir()
    write_records(folder / "cases.parquet", rows, BenchmarkCase)
    return str(folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("imported")
    problems = {
        "source": "imported",
        "train": [folder_of_problems(root / "exercises", 1)],
        "process": [folder_of_cases(root / "checked")],
        "best_of_n": [folder_of_problems(root / "held", 2)],
        **{"n_train": 6, "n_validation": 2, "n_process": 6, "n_best_of_n": 3},
    }
    changes = {
        "problems": json.dumps(problems),
        "threads": "1",
        "rollouts.k": "3",
        "training.updates": "6",
        "arms": "[{name: mc, labels: mc}]",
        "evaluation.best_of": "2",
        "evaluation.resamples": "100",
    }
    sets = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    run = [sys.executable, "-m", "prmkit.cli.main", "run", str(TOY), "--out", str(root / "run")]
    done = subprocess.run([*run, *sets], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "What was learned" in done.stdout
    return root / "run"


@pytest.fixture(scope="module")
def report(finished: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((finished / "report.json").read_text())
    return found


@pytest.mark.slow
def test_a_folder_is_labelled_and_its_held_out_problems_are_not_trained_on(
    finished: Path, report: dict[str, Any]
) -> None:
    train = {p.problem_id for p in read_records(finished / "problems.train.parquet", Problem)}
    held = {p.problem_id for p in read_records(finished / "problems.validation.parquet", Problem)}
    assert (len(train), len(held)) == (6, 2)
    assert not train & held
    labelled = read_records(finished / "consensus.parquet", LabelledSolution)
    assert labelled
    assert report["counts"]["train.mc"]["solutions"] <= len(train) * 2  # two policies
    assert report["kept"]["n"] == report["counts"]["train.mc"]["solutions"]


@pytest.mark.slow
def test_the_cost_of_a_stage_is_that_of_held_out_solutions_too(
    finished: Path, report: dict[str, Any]
) -> None:
    mc = read_records(finished / "rollouts.parquet", McAnnotation)
    judged = read_records(finished / "judge.train.parquet", JudgeAnnotation)
    assert report["cost"]["rollouts"]["n_calls"] == sum(row.usage.n_calls for row in mc)
    assert report["cost"]["judge.train"]["n_calls"] == sum(row.usage.n_calls for row in judged)
    assert len(mc) > report["counts"]["train.mc"]["solutions"]


@pytest.mark.slow
def test_nothing_is_said_of_a_truth_that_nobody_knows(report: dict[str, Any]) -> None:
    assert report["labels"] == {}
    assert not [stage for stage in report["counts"] if stage.startswith("truth")]
    (figures,) = report["policies"]["strong"].values()
    assert figures["process_error"] is None
    assert figures["accuracy"]["n"] == 6


@pytest.mark.slow
def test_prms_and_judge_are_measured_on_the_cases(finished: Path, report: dict[str, Any]) -> None:
    assert {row["system"] for row in report["processbench"]} == {"mc", "judge"}
    scores = read_records(finished / "scores.mc.process.parquet", StepScores)
    assert {row.solution_id for row in scores} == {f"c{i}" for i in range(6)}
    assert "mc prm@2 product" in report["best_of_n"]


@pytest.mark.slow
def test_labelled_solutions_are_scored_held_out_ones_first(finished: Path) -> None:
    run = read_run(finished)
    scored = [row.solution_id for row in run.scores["mc"]["labelled"]]
    held_out = [s.solution_id for s in run.solutions["validation"]]
    labelled = {row.solution_id for row in run.mc}
    first = [name for name in held_out if name in labelled]
    assert first
    assert set(scored[: len(first)]) == set(first)
    assert set(scored) == labelled  # fewer than the recipe's hundred
    learnt = learnt_from(run, "mc")
    assert not learnt & set(held_out)
    assert len(learnt) == run.report["counts"]["train.mc"]["solutions"]
