"""Train a PRM on labelled solutions: from records to a directory that scores.

While it trains, the run lives in `<out>.partial`; `<out>` appears only when it is complete. A
killed run goes on from its last checkpoint and ends with the same weights. The weights kept are
those with the highest F1 on the validation solutions; evaluation data has no part in it.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from prmkit.config import TrainingConfig
from prmkit.errors import ConfigError, DataError, RunError
from prmkit.records import LabelledSolution
from prmkit.scoring.families import FAMILIES, Family
from prmkit.seeds import draw_seed
from prmkit.store.files import read_json, write_json
from prmkit.training.examples import Example, Examples, build_examples
from prmkit.training.history import Counts, TrainingReport, history_rows

REPORT_FILE = "training.json"
_RUN_FILE = "run.json"
_CHECKPOINTS = "checkpoints"
_MODEL = "model"


@dataclass(frozen=True)
class TrainOptions:
    """How to run a training; none of it changes what is learned, beyond rounding."""

    family: Family = FAMILIES["prmkit"]
    """How solutions are written; saved with the checkpoint."""
    micro_batch: int | None = None
    """Solutions computed at once on each device, a divisor of the batch size; None = the batch."""
    micro_tokens: int = 4096
    """Tokens computed at once, padding included, where there is one device: bounds its memory."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`auto`: bf16 autocast where the hardware computes in it, else fp32."""
    device: str | None = None
    """cpu or cuda; None = the accelerator if there is one."""
    resume: bool = False
    """Go on with `<out>.partial` if it is there."""
    on_progress: Callable[[int, int, float], None] | None = None
    """Called after each update: updates done, updates in all, seconds since this start."""


class TrainResult(NamedTuple):
    """A finished training."""

    directory: Path
    """The checkpoint."""
    report: TrainingReport
    """Also in `training.json` there."""
    seconds: float
    """Wall time since this start, loading included."""


def train_prm(
    examples: Sequence[LabelledSolution],
    validation: Sequence[LabelledSolution],
    config: TrainingConfig,
    out: Path,
    seed: int,
    options: TrainOptions = TrainOptions(),
) -> TrainResult:
    """Train a PRM and write its directory.

    The same input, seed and machine give the same weights, whether or not the run was killed
    between. The random state of Python, numpy and torch is changed.

    Args:
        examples: What to learn from.
        validation: What chooses the best weights; empty = the last weights are kept.
        config: The settings; `base` is a local model directory.
        out: The directory to make; must not exist.
        seed: Decides the head's first weights and the order of rows.
        options: How to run.

    Raises:
        ConfigError: the micro-batch does not divide the batch.
        DataError: no row is usable, or validation lacks solutions with an error or without.
        ModelError: `base` is not a usable language model.
        RunError: `out` exists; an unfinished run is there and `resume` was not asked for, or it
            was started with other data or settings; or the loss is no longer finite.
    """
    from prmkit.training.loop import train_quietly

    started = time.monotonic()
    run = _prepare(examples, validation, config, seed, options)
    partial = _claim(out, run.identity(), resume=options.resume)
    trainer = run.trainer(partial / _CHECKPOINTS)
    train_quietly(trainer, _last_checkpoint(partial / _CHECKPOINTS))
    report = run.report(trainer.state)
    run.save(partial / _MODEL, report)
    os.rename(partial / _MODEL, out)
    shutil.rmtree(partial)
    return TrainResult(out, report, time.monotonic() - started)


@dataclass(frozen=True)
class _Run:
    """Everything that decides the result of one training."""

    model: Any
    formatter: Any
    train: Examples
    validation: Examples
    config: TrainingConfig
    seed: int
    options: TrainOptions

    def identity(self) -> dict[str, Any]:
        """What must be equal for a killed run to go on."""
        return {
            "config": self.config.model_dump(mode="json"),
            "family": self.options.family.model_dump(mode="json"),
            "seed": self.seed,
            "micro_batch": _micro_batch(self.config, self.options),
            "micro_tokens": self.options.micro_tokens,
            "bf16": _bf16(self.options),
            "train": _digest(self.train.rows),
            "validation": _digest(self.validation.rows),
        }

    def trainer(self, folder: Path) -> Any:
        from prmkit.scoring.checkpoint import default_device
        from prmkit.training.loop import Setting, build_trainer
        from prmkit.training.loss import Weights

        n_wrong = self.train.n_wrong
        setting = Setting(
            config=self.config,
            formatter=self.formatter,
            folder=folder,
            seed=draw_seed(self.seed, "train") % 2**32,
            micro_batch=_micro_batch(self.config, self.options),
            micro_tokens=self.options.micro_tokens,
            device=self.options.device or default_device(),
            bf16=_bf16(self.options),
            weights=Weights.of(n_wrong, self.train.n_labels - n_wrong, self.config.balance),
            on_progress=self.options.on_progress,
        )
        return build_trainer(self.model, self.train.rows, self.validation.rows, setting)

    def report(self, state: Any) -> TrainingReport:
        validated = bool(self.validation.rows)
        return TrainingReport(
            config=self.config,
            family=self.options.family,
            seed=self.seed,
            precision="bf16" if _bf16(self.options) else "fp32",
            train=Counts.of(self.train),
            validation=Counts.of(self.validation),
            history=history_rows(state.log_history),
            best_step=state.best_global_step if validated else state.global_step,
        )

    def save(self, directory: Path, report: TrainingReport) -> None:
        from prmkit.scoring.checkpoint import save_checkpoint

        shutil.rmtree(directory, ignore_errors=True)
        save_checkpoint(self.model, self.formatter, directory)
        write_json(directory / REPORT_FILE, report.model_dump(mode="json"))
        _sync(directory)


def _prepare(
    examples: Sequence[LabelledSolution],
    validation: Sequence[LabelledSolution],
    config: TrainingConfig,
    seed: int,
    options: TrainOptions,
) -> _Run:
    from prmkit.training.backbone import from_backbone

    _micro_batch(config, options)
    model, formatter = from_backbone(
        Path(config.base), options.family, draw_seed(seed, "head") % 2**63
    )
    longest = min(config.max_tokens, int(model.config.max_position_embeddings))
    train = build_examples(examples, formatter, longest, config.loss)
    checked = build_examples(validation, formatter, longest, config.loss)
    _check_rows(train, checked)
    return _Run(model, formatter, train, checked, config, seed, options)


def _check_rows(train: Examples, validation: Examples) -> None:
    if not train.rows:
        first = f"; the first: {train.rejected[0].reason}" if train.rejected else ""
        raise DataError(f"no usable training row, {len(train.rejected)} rejected{first}")
    if not validation.rows and not validation.rejected:
        return
    with_error = sum(row.n_wrong > 0 for row in validation.rows)
    without = len(validation.rows) - with_error
    if not with_error or not without:
        raise DataError(
            f"validation has {with_error} usable solutions with an error and {without} without "
            f"({len(validation.rejected)} rejected); F1 needs both"
        )


def _micro_batch(config: TrainingConfig, options: TrainOptions) -> int:
    micro = config.batch_size if options.micro_batch is None else options.micro_batch
    if micro < 1 or config.batch_size % micro:
        raise ConfigError(f"micro_batch = {micro}: must divide batch_size = {config.batch_size}")
    if options.micro_tokens < 1:
        raise ConfigError(f"micro_tokens = {options.micro_tokens}: must be at least 1")
    return micro


def _bf16(options: TrainOptions) -> bool:
    from prmkit.training.loop import computes_in_bf16

    if options.precision == "auto":
        return computes_in_bf16(options.device)
    return options.precision == "bf16"


def _digest(rows: Sequence[Example]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()


def _claim(out: Path, identity: dict[str, Any], *, resume: bool) -> Path:
    """The folder of the unfinished run, new or found."""
    if out.exists():
        raise RunError(f"{out} exists; nothing is overwritten")
    partial = out.with_name(out.name + ".partial")
    record = partial / _RUN_FILE
    if not record.exists():
        partial.mkdir(parents=True, exist_ok=True)
        write_json(record, identity)
        return partial
    if not resume:
        raise RunError(f"{partial} holds an unfinished run; ask to resume it, or remove it")
    found = read_json(record)
    differ = sorted(key for key in identity if found.get(key) != identity[key])
    if differ:
        raise RunError(f"{partial} was started with another {', '.join(differ)}; cannot resume it")
    return partial


def _sync(directory: Path) -> None:
    """Have the weights on disk before the directory gets its final name."""
    for path in directory.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _last_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written to its end."""
    done = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json")]
    newest = max(done, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    return None if newest is None else str(newest)
