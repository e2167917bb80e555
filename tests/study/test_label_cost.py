"""Claims about the label-cost study: what it labels, pays for, trains once and says."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from made_runs import make_run
from run_prm import Prm

from prmkit.analysis.threshold import TRAINED
from prmkit.consensus import build_consensus
from prmkit.errors import ConfigError, RunError
from prmkit.intervals import Bootstrap
from prmkit.records import LabelledSolution
from prmkit.rollouts.estimate import relabel
from prmkit.store import read_run
from prmkit.study.cells import cell_key, is_trained
from prmkit.study.frontier import advice, answer, measure
from prmkit.study.label_cost import run_study
from prmkit.study.runs import StudyRun, read_runs
from prmkit.study.settings import Rule, Setting, grid, label

FEW = {
    "problems": "{n_train: 2, n_validation: 2, n_process: 6, n_best_of_n: 1}",
    "evaluation.best_of": "1",
    "rollouts.redraws": "0",
    "rollouts.finished_is_known": "false",
    "training.updates": "6",
    "arms": "[]",
}


def small_run(path: Path, seed: int, **changes: str) -> Path:
    own = {key.replace(".", "__"): value for key, value in FEW.items()}
    return make_run(path, **{**own, "seed": str(seed), **changes})


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("runs")
    return [small_run(root / f"seed{seed}", seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def runs(folders: list[Path]) -> list[StudyRun]:
    return read_runs(folders)


def test_at_the_draws_of_the_run_hard_labels_are_the_runs_own(runs: list[StudyRun]) -> None:
    for drawn in runs[0].drawn:
        for annotator in ("exhaustive", "sequential"):
            found = label(Setting(annotator, "hard", 4), drawn)
            assert found.first_error == drawn.mc.first_error
    tokens = [
        sum(label(Setting(annotator, "hard", 4), d).tokens for d in runs[0].drawn)
        for annotator in ("exhaustive", "sequential")
    ]
    n_draws = sum(len(step.outcomes) for d in runs[0].drawn for step in d.mc.steps)
    assert tokens[0] == 200 * n_draws  # made runs pay 200 tokens a draw
    assert tokens[1] < tokens[0]


def test_fewer_draws_are_the_first_ones(runs: list[StudyRun]) -> None:
    for drawn in runs[0].drawn:
        first = [step.model_copy(update={"outcomes": step.outcomes[:2]}) for step in drawn.mc.steps]
        cut = drawn.mc.model_copy(update={"steps": tuple(first), "k": 2})
        expected = relabel(cut, 1, len(drawn.solution.steps)).first_error
        assert label(Setting("exhaustive", "hard", 2, 1), drawn).first_error == expected


def test_verify_keeps_what_the_filter_keeps_for_fewer_tokens(runs: list[StudyRun]) -> None:
    n_kept, tokens = 0, [0, 0]
    for drawn in runs[0].drawn:
        whole, verified = (label(Setting(a, "filter", 4), drawn) for a in ("exhaustive", "verify"))
        assert whole.row == verified.row
        kept = build_consensus(drawn.mc, drawn.judge, drawn.solution, drawn.problem)
        assert whole.row == (kept if isinstance(kept, LabelledSolution) else None)
        tokens = [tokens[0] + whole.tokens, tokens[1] + verified.tokens]
        n_kept += whole.row is not None
    assert n_kept > 3
    assert tokens[1] < tokens[0]


def test_exact_labels_are_the_truth_and_cost_nothing(runs: list[StudyRun]) -> None:
    for drawn in runs[0].drawn:
        found = label(Setting("nobody", "exact", 0), drawn)
        assert (found.first_error, found.tokens) == (drawn.truth.first_error, 0)


RULES: tuple[Rule, ...] = ("hard", "soft", "progress")
SETTINGS = [
    Setting("nobody", "exact", 0),
    Setting("exhaustive", "hard", 4),
    Setting("sequential", "hard", 4),
    Setting("exhaustive", "soft", 4),
    Setting("verify", "filter", 4),
]


def test_equal_labels_are_trained_once_and_a_second_call_trains_nothing(
    runs: list[StudyRun], tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    cells = run_study(runs, SETTINGS, tmp_path / "cells", lambda n, of: seen.append((n, of)))
    n_kept = [[row for row in cell.labels if row.row] for cell in cells[-2:]]
    assert all(n_kept)
    assert seen[-1] == (8, 8)  # exhaustive and sequential share theirs: 4 a run
    (one, *_) = sorted((tmp_path / "cells").glob("*.json"))
    before = one.read_bytes()
    one.unlink()  # as if killed before it was done
    seen.clear()
    again = run_study(runs, SETTINGS, tmp_path / "cells", lambda n, of: seen.append((n, of)))
    assert seen == [(7, 8), (8, 8)]
    assert one.read_bytes() == before
    assert [cell.trained for cell in again] == [cell.trained for cell in cells]
    interval = Bootstrap(0, 100)
    found = answer(measure(cells, interval), interval)
    names = [row[0] for row in found.tables[0].rows]
    assert names == [setting.name for setting in SETTINGS]
    assert found.tables[0].rows[0][3] is not None
    assert found.notes


class Killed(Exception):
    """What ends a study at a moment of a test's choice."""


def test_a_study_killed_after_any_training_ends_equal_to_one_that_was_not(
    runs: list[StudyRun], tmp_path: Path
) -> None:
    def die(done: int, total: int) -> None:
        trained.append(done)
        if done == at:
            raise Killed

    settings = SETTINGS[:2]  # a training each
    run_study(runs[:1], settings, tmp_path / "whole", lambda n, of: None)
    for at in (0, 1):  # before the first, after the first, each time going on where it was
        trained: list[int] = []
        with pytest.raises(Killed):
            run_study(runs[:1], settings, tmp_path / "killed", die)
        assert trained[-1] == at
    done: list[int] = []
    run_study(runs[:1], settings, tmp_path / "killed", lambda n, of: done.append(n))
    assert done == [1, 2]  # the first is not trained again
    whole, killed = (
        {path.name: path.read_bytes() for path in (tmp_path / name).glob("*")}
        for name in ("whole", "killed")
    )
    assert whole == killed


def test_prms_of_other_seeds_are_further_prms_of_the_same_labels(
    runs: list[StudyRun], tmp_path: Path
) -> None:
    settings = SETTINGS[:1]
    run_study(runs[:1], settings, tmp_path, lambda n, of: None)
    seen: list[tuple[int, int]] = []
    (cell,) = run_study(runs[:1], settings, tmp_path, lambda n, of: seen.append((n, of)), 3)
    assert seen == [(1, 3), (2, 3), (3, 3)]  # the first is there already
    assert len(cell.labels) == len(runs[0].drawn)
    first, *_ = cell.trained
    assert len(cell.trained) == 3
    for cases in cell.trained:
        assert [c.case_id for c in cases] == [c.case_id for c in first]
    (m,) = measure([cell], Bootstrap(0, 100))
    assert m.trained is not None
    assert m.f1 is not None
    assert [len(own) for own in m.trained.single] == [3]
    assert m.trained.by_run == [m.f1.value]
    assert m.f1.n + m.f1.n_unscored == 3 * len(first)


def test_another_judge_makes_cells_of_the_filter_anew_and_no_others(
    runs: list[StudyRun], tmp_path: Path
) -> None:
    run = runs[0]
    blind = [d.judge.model_copy(update={"first_error": None}) for d in run.drawn]
    other = run._replace(
        drawn=[d._replace(judge=judge) for d, judge in zip(run.drawn, blind, strict=True)]
    )

    def keys(setting: Setting) -> set[str]:
        of_runs = ([r for d in own.drawn if (r := label(setting, d).row)] for own in (run, other))
        return {cell_key(run, rows) for rows in of_runs}

    assert len(keys(Setting("verify", "filter", 4))) == 2
    for rule in RULES:
        assert len(keys(Setting("exhaustive", rule, 4))) == 1


def test_a_cell_depends_on_labels_seed_and_settings(runs: list[StudyRun], tmp_path: Path) -> None:
    run = runs[0]
    rows = [r for d in run.drawn if (r := label(SETTINGS[1], d).row)]
    other = rows[0].model_copy(update={"labels": tuple(1 - x for x in rows[0].labels)})
    keys = {
        cell_key(run, rows),
        cell_key(run, [other, *rows[1:]]),
        cell_key(run._replace(seed=9), rows),
        cell_key(run._replace(training=run.training.model_copy(update={"updates": 9})), rows),
    }
    assert len(keys) == 4
    assert not is_trained(tmp_path, cell_key(run, rows))


def test_updates_and_balance_asked_of_a_study_replace_those_of_its_runs(
    folders: list[Path],
) -> None:
    as_they_are, asked = read_runs(folders), read_runs(folders, {"updates": 9, "balance": 0.25})
    assert [run.training.updates for run in as_they_are] == [6, 6]
    assert [(run.training.updates, run.training.balance) for run in asked] == [(9, 0.25)] * 2
    before = {"updates": 6, "balance": as_they_are[0].training.balance}
    back = [r._replace(training=r.training.model_copy(update=before)) for r in asked]
    assert back == as_they_are


def test_the_grid_names_each_setting_once() -> None:
    settings = grid([1, 8, 8], [2, 8])
    names = [setting.name for setting in settings]
    assert len(set(names)) == len(names)
    assert {"verify, K = 8", "exhaustive, progress 0.8, K = 8"} <= set(names)
    assert "sequential, t = K/2, K = 8" in names
    assert not any(s.threshold >= s.k for s in settings if s.k)
    every = [s.threshold for s in grid([8], [4, 8], every_threshold=True) if s.k == 8]
    assert sorted(set(every)) == list(range(8))
    assert [s.threshold for s in grid([2], [2]) if s.threshold] == [1]
    for wrong in ([], [0]):
        with pytest.raises(ConfigError, match="K of a study"):
            grid(wrong, [])


def test_advice_names_the_cheapest_setting_that_nothing_puts_below_the_best(
    runs: list[StudyRun], tmp_path: Path
) -> None:
    cells = run_study(runs, SETTINGS[1:3], tmp_path / "cells", lambda n, of: None)
    interval = Bootstrap(0, 100)
    found = measure(cells, interval)
    same = [m._replace(degenerate=0) for m in found]  # equal PRMs, sequential is cheaper
    if all(m.f1 for m in same):
        (told,) = advice(same, interval)
        assert told.startswith("Choose sequential, K = 4")
        assert told.endswith(
            "That is not to say that it is as good: its F1 minus that one's is +0.0 [+0.0, +0.0] "
            "points."
        )
    none = [m._replace(degenerate=1) for m in found]
    assert advice(none, interval)[0].startswith("No setting gave PRMs that tell solutions apart")


def test_a_run_that_cannot_serve_is_refused_with_the_reason(
    folders: list[Path], runs: list[StudyRun], tmp_path: Path
) -> None:
    sequential = small_run(tmp_path / "sequential", 3, rollouts__annotator="sequential")
    with pytest.raises(RunError, match=r"annotator = sequential.*allowed: exhaustive and 0"):
        read_runs([sequential])
    other = small_run(tmp_path / "other", 3, rollouts__k="3")
    with pytest.raises(RunError, match=r"differs from .* in rollouts.k: 4 -> 3"):
        read_runs([folders[0], other])
    copy = shutil.copytree(folders[0], tmp_path / "copy")
    with pytest.raises(RunError, match="each needs its own"):
        read_runs([folders[0], copy])
    (copy / "truth.process.parquet").unlink()
    with pytest.raises(RunError, match=r"no truth.process; finish it"):
        read_runs([copy])
    with pytest.raises(ConfigError, match="has 4 draws a step; found K = 8 asked"):
        run_study(runs, [Setting("sequential", "hard", 8)], tmp_path, lambda n, of: None)
    assert read_run(folders[0]).manifest.seed == 1


def test_the_command_writes_pictures_json_and_says_what_to_choose(
    folders: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prm = Prm(monkeypatch, capsys)
    arguments = ("study", "label-cost", folders[0], "--out", tmp_path / "study")
    options = ("--k", "4", "--rule-k", "2", "--threads", "1", "--resamples", "100")
    done = prm(*arguments, *options)
    assert done.code == 0, done.err
    assert "verify, K = 4" in done.out
    stored: dict[str, Any] = json.loads((tmp_path / "study" / "study.json").read_text())
    assert stored["name"] == "label-cost"
    pictures = sorted(tmp_path.glob("study/*.svg"))
    assert len(pictures) >= 2
    assert "--s0:" in pictures[0].read_text()  # its colours are in it
    assert prm(*arguments, "--k", "x").code == 2


def test_prms_by_threshold_stand_beside_the_labels_by_threshold(
    folders: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prm, out = Prm(monkeypatch, capsys), tmp_path / "study"
    options = ("--k", "2", "--rule-k", "2", "--threads", "1", "--resamples", "100")
    assert prm("study", "label-cost", folders[0], "--out", out, *options).code == 0
    arguments = ("analyse", "threshold", folders[0], "--resamples", "100")
    done = prm(*arguments, "--study", out, "--json")
    assert done.code == 0, done.err
    (found,) = json.loads(done.out)
    (table,) = (t for t in found["tables"] if t["title"] == TRAINED)
    stored = json.loads((out / "study.json").read_text())
    by_setting = {row[0]: row for row in stored["tables"][0]["rows"]}
    assert [row[:2] for row in table["rows"]] == [["0", "2"], ["1", "2"]]
    names = ("sequential, K = 2", "sequential, t = 1, K = 2")
    for row, name in zip(table["rows"], names, strict=True):
        assert row[3] == by_setting[name][4]  # mean F1
    assert found["figures"][-1]["title"].startswith("F1 of PRMs")
    assert TRAINED in prm(*arguments, "--study", out).out
    stored["tables"] = stored["tables"][:2]
    (out / "study.json").write_text(json.dumps(stored))
    done = prm(*arguments, "--study", out)
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "no table" in done.err
    assert prm(*arguments, "--study", tmp_path / "none").code == 1
