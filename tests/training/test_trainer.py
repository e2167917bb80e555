import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import tiny_backbone, tiny_llama

from prmkit.config import TrainingConfig
from prmkit.errors import ConfigError, DataError, RunError
from prmkit.records import LabelledSolution
from prmkit.scoring.base import ScoringItem
from prmkit.scoring.hf import PrmScorer
from prmkit.training.trainer import TrainOptions, TrainResult, train_prm

FP32 = TrainOptions(precision="fp32", device="cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_backbone(tmp_path_factory.mktemp("base"))


def solution(name: str, *steps: str, soft: bool = False) -> LabelledSolution:
    """A step with an x is wrong."""
    labels = tuple(0.25 * soft if "x" in step else 1.0 - 0.25 * soft for step in steps)
    return LabelledSolution(
        solution_id=name, question="q", steps=steps, labels=labels, source="oracle"
    )


def rows(n: int = 16, *, soft: bool = False) -> list[LabelledSolution]:
    """Half of them with an error in the second step; lengths differ."""
    return [
        solution(f"s{i}", "a" * (i % 3 + 1), "bx" if i % 2 else "bb", soft=soft) for i in range(n)
    ]


def settings(base: Path, **changes: object) -> TrainingConfig:
    chosen = {
        "base": str(base),
        "epochs": 2,
        "batch_size": 4,
        "learning_rate": 1e-2,
        "warmup": 0.1,
        "eval_every": 0.25,
    }
    return TrainingConfig.model_validate(chosen | changes)


def weights(directory: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(directory / "model.safetensors")
    return found


def assert_equal(one: Path, other: Path) -> None:
    left, right = weights(one), weights(other)
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []


def test_a_tiny_model_learns_eight_rows_by_heart_and_scores_them_right(
    base: Path, tmp_path: Path
) -> None:
    eight = rows(8)
    config = settings(base, epochs=80, batch_size=8)
    found = train_prm(eight, eight, config, tmp_path / "prm", 0, FP32)
    last = found.report.history[-1].validation
    assert last is not None
    assert last.loss < 0.05  # chance is log 2 = 0.69
    assert (last.step_accuracy, last.f1) == (1.0, 1.0)
    items = [
        ScoringItem(solution_id=r.solution_id, question=r.question, steps=r.steps) for r in eight
    ]
    for row, scores in zip(
        eight, PrmScorer(found.directory, device="cpu").score(items), strict=True
    ):
        assert [score > 0.5 for score in scores.scores] == [label > 0.5 for label in row.labels]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_same_seed_gives_the_same_weights_and_another_others(
    base: Path, tmp_path: Path, precision: str
) -> None:
    options = TrainOptions(precision="bf16" if precision == "bf16" else "fp32", device="cpu")
    runs = [("a", 7), ("b", 7), ("c", 8)]
    a, b, c = (
        train_prm(rows(), rows(6), settings(base), tmp_path / name, seed, options)
        for name, seed in runs
    )
    assert_equal(a.directory, b.directory)
    assert a.report == b.report
    assert not torch.equal(
        weights(a.directory)["score.0.weight"], weights(c.directory)["score.0.weight"]
    )


class Killed(Exception):
    """Stands for the signal."""


@pytest.mark.parametrize("at", [3, 5])
def test_a_killed_run_goes_on_to_the_same_weights(base: Path, tmp_path: Path, at: int) -> None:
    # 8 updates in all, a checkpoint every 2: the kill at 3 is in epoch 0, the one at 5 in epoch 1
    def kill(done: int, total: int, seconds: float) -> None:
        if done == at:
            raise Killed

    config, out = settings(base), tmp_path / "killed"
    whole = train_prm(rows(), rows(6), config, tmp_path / "whole", 1, FP32)
    dying = TrainOptions(precision="fp32", device="cpu", on_progress=kill)
    with pytest.raises(Killed):
        train_prm(rows(), rows(6), config, out, 1, dying)
    assert not out.exists()
    with pytest.raises(RunError, match="unfinished run"):
        train_prm(rows(), rows(6), config, out, 1, FP32)
    resuming = TrainOptions(precision="fp32", device="cpu", resume=True)
    with pytest.raises(RunError, match="another seed, train;"):
        train_prm(rows(12), rows(6), config, out, 2, resuming)
    seen: list[int] = []
    watched = TrainOptions(
        precision="fp32", device="cpu", resume=True, on_progress=lambda done, *_: seen.append(done)
    )
    resumed = train_prm(rows(), rows(6), config, out, 1, watched)
    assert seen[0] == at  # went on from the checkpoint one update before
    assert_equal(whole.directory, resumed.directory)
    assert whole.report == resumed.report
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed", "whole"]


@pytest.mark.parametrize(
    "cut",
    [replace(FP32, micro_batch=1), replace(FP32, micro_tokens=1), replace(FP32, micro_tokens=20)],
)
def test_micro_batches_change_the_weights_by_rounding_only(
    base: Path, tmp_path: Path, cut: TrainOptions
) -> None:
    # 14 rows in batches of 4 leave an incomplete update; lengths and label counts differ
    whole, pieces = (
        train_prm(
            rows(14),
            rows(6),
            settings(base, learning_rate=1e-3),
            tmp_path / name,
            0,
            options,
        )
        for name, options in (("whole", FP32), ("pieces", cut))
    )
    left, right = weights(whole.directory), weights(pieces.directory)
    for name in left:
        torch.testing.assert_close(left[name], right[name], atol=2e-5, rtol=1e-3)
    losses = [
        [row.train_loss for row in run.report.history if row.train_loss is not None]
        for run in (whole, pieces)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    checked = [
        [row.validation.loss for row in run.report.history if row.validation is not None]
        for run in (whole, pieces)
    ]
    assert checked[0] == pytest.approx(checked[1], rel=1e-4)


def test_the_weights_of_the_best_validation_are_kept(base: Path, tmp_path: Path) -> None:
    # trained to call everything wrong that validation calls right, F1 falls; the best is not last
    inverted = [row.model_copy(update={"labels": (1.0, 1.0 - row.labels[1])}) for row in rows(6)]
    found = train_prm(
        rows(8), inverted, settings(base, epochs=12, batch_size=8), tmp_path / "p", 0, FP32
    )
    validated = {row.step: row.validation for row in found.report.history}
    best = validated[found.report.best_step]
    assert best is not None
    assert all(
        v is not None and (v.f1, -v.loss) <= (best.f1, -best.loss) for v in validated.values()
    )
    items = [
        ScoringItem(solution_id=r.solution_id, question=r.question, steps=r.steps) for r in inverted
    ]
    scores = [
        score
        for result in PrmScorer(found.directory, device="cpu").score(items)
        for score in result.scores
    ]
    labels = [label for row in inverted for label in row.labels]
    right = [(s >= 0.5) == (la >= 0.5) for s, la in zip(scores, labels, strict=True)]
    assert sum(right) / len(right) == pytest.approx(best.step_accuracy)
    assert found.report.best_step < max(validated)


def test_history_rises_to_the_last_update_and_the_rate_falls_to_zero(
    base: Path, tmp_path: Path
) -> None:
    # 2 epochs of 5 updates; a quarter of 10, rounded up, is 3; the last update is always validated
    calls: list[tuple[int, int]] = []
    options = TrainOptions(
        precision="fp32",
        device="cpu",
        on_progress=lambda done, total, _: calls.append((done, total)),
    )
    found = train_prm(rows(18), rows(6), settings(base), tmp_path / "prm", 0, options)
    history = found.report.history
    assert [row.step for row in history] == [3, 6, 9, 10]
    assert all(row.train_loss is not None and row.validation is not None for row in history)
    rates = [row.learning_rate for row in history if row.learning_rate is not None]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 1e-3 < rates[0] <= 1e-2
    assert calls == [(i, 10) for i in range(1, 11)]
    assert json.loads((found.directory / "training.json").read_text()) == found.report.model_dump(
        mode="json"
    )


def test_updates_go_before_epochs_and_pass_over_the_data_as_often_as_they_take(
    base: Path, tmp_path: Path
) -> None:
    # 6 rows in batches of 4 are 2 updates a pass; a quarter of 7, rounded up, is 2
    config = settings(base, batch_size=4, epochs=1, updates=7)
    calls: list[tuple[int, int]] = []
    options = replace(FP32, on_progress=lambda done, total, _: calls.append((done, total)))
    found = train_prm(rows(6), rows(6), config, tmp_path / "prm", 0, options)
    assert calls[-1] == (7, 7)
    assert [row.step for row in found.report.history] == [2, 4, 6, 7]


def test_rejected_rows_are_counted_and_the_rest_is_learned(base: Path, tmp_path: Path) -> None:
    bad = [solution("long", "a" * 300), solution("fake", "a<extra_0>")]
    config = settings(base, max_tokens=100, epochs=1)
    report = train_prm([*bad, *rows(4)], [], config, tmp_path / "prm", 0, FP32).report
    # 4 rows of 2 steps, 2 of the 8 steps wrong
    train = report.train
    assert (train.n_rows, train.n_labels, train.n_positive) == (4, 8, 6)
    assert [r.row for r in train.rejected] == ["long", "fake"]
    assert report.validation.n_rows == 0
    assert report.best_step == 1


def test_soft_labels_are_learned_as_shares(base: Path, tmp_path: Path) -> None:
    soft = rows(8, soft=True)  # labels 3/4, and 0.25 * 1 = 1/4 on a wrong step
    config = settings(base, loss="mse", epochs=40, batch_size=8)
    found = train_prm(soft, soft, config, tmp_path / "prm", 0, FP32)
    last = found.report.history[-1].validation
    assert last is not None
    assert last.loss < 0.01  # always saying the mean, 5/8, costs 3/64 = 0.047


@pytest.mark.parametrize(("balance", "expected"), [(0.0, 0.875), (1.0, 0.5)])
def test_balanced_kinds_move_the_score_of_a_step_that_nothing_tells_apart(
    base: Path, tmp_path: Path, balance: float, expected: float
) -> None:
    # the same step, called wrong in 2 of 16 rows: its score is the share of right labels, 14/16,
    # or, where both kinds weigh the same in sum, a half
    same = [
        LabelledSolution(
            solution_id=f"s{i}", question="q", steps=("aa",), labels=(float(i > 1),), source="mc"
        )
        for i in range(16)
    ]
    config = settings(base, balance=balance, updates=60, batch_size=16)
    found = train_prm(same, [], config, tmp_path / "prm", 0, FP32)
    item = ScoringItem(solution_id="s", question="q", steps=("aa",))
    (scored,) = PrmScorer(found.directory, device="cpu").score([item])
    assert scored.scores == pytest.approx([expected], abs=0.05)


def test_another_architecture_trains_and_scores(tmp_path: Path) -> None:
    config = settings(tiny_llama(tmp_path / "llama"), epochs=1)
    found: TrainResult = train_prm(rows(8), rows(4), config, tmp_path / "prm", 0, FP32)
    item = ScoringItem(solution_id="s", question="q", steps=("a", "b"))
    assert len(PrmScorer(found.directory, device="cpu").score([item])[0].scores) == 2


def test_nothing_is_overwritten(base: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nothing is overwritten"):
        train_prm(rows(), [], settings(base), tmp_path, 0, FP32)


@pytest.mark.parametrize("start", [0, 1])
def test_validation_of_one_kind_alone_is_refused_before_training(
    base: Path, tmp_path: Path, start: int
) -> None:
    kind = rows()[start::2]  # every second row has an error
    with pytest.raises(DataError, match="F1 needs both"):
        train_prm(rows(), kind, settings(base), tmp_path / "prm", 0, FP32)
    assert list(tmp_path.iterdir()) == []


def test_training_on_nothing_is_refused_with_the_first_reason(base: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 rejected; the first: step 0 is empty"):
        train_prm([solution("s", " ")], [], settings(base), tmp_path / "prm", 0, FP32)


def test_a_micro_batch_that_does_not_divide_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="micro_batch = 3: must divide batch_size = 4"):
        train_prm(rows(), [], settings(base), tmp_path / "prm", 0, TrainOptions(micro_batch=3))


def test_a_token_budget_below_one_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="micro_tokens = 0: must be at least 1"):
        train_prm(rows(), [], settings(base), tmp_path / "prm", 0, TrainOptions(micro_tokens=0))


def test_a_run_that_diverges_ends_with_an_error(base: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not finite"):
        train_prm(rows(), [], settings(base, learning_rate=1e30), tmp_path / "prm", 0, FP32)


def test_importing_the_stages_loads_no_torch() -> None:
    modules = ["training.trainer", "scoring.scripted", "scoring.families", "scoring.aggregate"]
    code = "".join(f"import prmkit.{name}\n" for name in modules)
    code += "import sys; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_training_says_nothing(
    base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    train_prm(rows(4), rows(4), settings(base, epochs=1), tmp_path / "prm", 0, FP32)
    assert capfd.readouterr() == ("", "")
