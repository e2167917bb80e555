"""The transformers Trainer with our loss, our batches and our metrics."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from prmkit.config import TrainingConfig
from prmkit.errors import MissingExtra, RunError
from prmkit.generators.quiet import quiet
from prmkit.scoring.checkpoint import default_device
from prmkit.scoring.families import Formatter
from prmkit.scoring.head import N_CLASSES, step_logits
from prmkit.training.batches import LengthGroupedOrder, Piece, collate, pieces
from prmkit.training.examples import IGNORED, Example
from prmkit.training.loss import Weights, step_loss
from prmkit.training.metrics import validation_metrics

try:
    import torch
    from accelerate.utils import DistributedType
    from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
except ImportError as error:
    raise MissingExtra.of(str(error.name), "local") from error

_CHOICE, _TIE = "choice", 1e-6  # the highest F1 is kept; of equal ones the lowest loss

Progress = Callable[[int, int, float], None]
"""Called after each update with updates done, updates in all, and seconds since this start."""


@dataclass(frozen=True)
class Setting:
    """What a loop needs beside model and data."""

    config: TrainingConfig
    """Loss, rate, epochs, ..."""
    formatter: Formatter
    """How rows were written."""
    folder: Path
    """Where checkpoints go."""
    seed: int
    """In [0, 2**32)."""
    micro_batch: int
    """Rows handed to the model's loop at once; divides the batch size."""
    micro_tokens: int
    """Tokens computed at once on one device, padding included; a longer row goes alone."""
    device: str
    """cpu or cuda."""
    bf16: bool
    """Compute in bf16 under autocast; weights stay in fp32."""
    weights: Weights
    """What each kind of label weighs in the loss."""
    on_progress: Progress | None = None
    """See `Progress`."""


def build_trainer(
    model: Any, train: Sequence[Example], validation: Sequence[Example], setting: Setting
) -> "StepTrainer":
    """A trainer that keeps its checkpoints in `setting.folder` and says nothing."""
    config = setting.config
    n_updates = config.updates or config.epochs * math.ceil(len(train) / config.batch_size)
    trainer = StepTrainer(
        setting,
        model=model,
        args=_arguments(setting, n_updates, validates=bool(validation)),
        train_dataset=list(train),
        eval_dataset=sorted(validation, key=lambda row: len(row.ids)) or None,
        data_collator=partial(collate, pad_id=_pad_id(setting.formatter)),
        compute_metrics=partial(_metrics, setting=setting),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_Watch(setting.on_progress))
    return trainer


def train_quietly(trainer: "StepTrainer", checkpoint: str | None) -> None:
    """Train, from a checkpoint if there is one, with nothing on the terminal."""
    with quiet():
        trainer.train(resume_from_checkpoint=checkpoint)


class StepTrainer(Trainer):  # type: ignore[misc]  # untyped base
    """Trainer whose loss is that of the step tokens over the labels of the whole update."""

    def __init__(self, setting: Setting, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._setting = setting
        # makes the Trainer count the update's labels and leave the division by them to the loss
        self.model_accepts_loss_kwargs = True

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroupedOrder:
        rows = self.train_dataset if train_dataset is None else train_dataset
        lengths = [len(row.ids) for row in rows]
        setting = self._setting
        return LengthGroupedOrder(lengths, setting.config.batch_size, setting.seed)

    def training_step(
        self,
        model: Any,
        inputs: Mapping[str, torch.Tensor],
        num_items_in_batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Gradients of one micro-batch, computed a piece at a time; its loss."""
        losses: list[torch.Tensor] = []
        for piece in self._pieces(inputs):
            losses.append(super().training_step(model, piece.inputs(), num_items_in_batch))
        return torch.stack(losses).sum()

    def _pieces(self, inputs: Mapping[str, torch.Tensor]) -> list[Piece]:
        alone = self.accelerator.distributed_type is DistributedType.NO
        # several processes must make equally many passes, so there only `micro_batch` cuts
        most = self._setting.micro_tokens if alone else inputs["input_ids"].numel()
        return pieces(inputs, most)

    def compute_loss(
        self,
        model: Any,
        inputs: Mapping[str, torch.Tensor],
        return_outputs: bool = False,  # noqa: FBT001  the Trainer's signature
        num_items_in_batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Loss of one micro-batch; `num_items_in_batch` is the labels of the whole update."""
        labels = inputs["labels"]
        mask = labels.ne(IGNORED)
        logits = step_logits(model, inputs["input_ids"], mask)
        n_labels = mask.sum() if num_items_in_batch is None else num_items_in_batch
        positive = self._setting.formatter.family.positive
        how, weights = self._setting.config.loss, self._setting.weights
        loss = step_loss(logits, labels[mask], how, positive, n_labels, weights)
        # data-parallel processes average their gradients, and n_labels counts all of them
        return loss * int(self.accelerator.num_processes)

    def prediction_step(
        self,
        model: Any,
        inputs: Mapping[str, torch.Tensor],
        prediction_loss_only: bool,  # noqa: FBT001  the Trainer's signature
        ignore_keys: list[str] | None = None,
    ) -> tuple[None, torch.Tensor, torch.Tensor]:
        """Logits [rows, steps, 2] and labels [rows, steps], padded with `IGNORED`."""
        inputs = self._prepare_inputs(inputs)
        mask = inputs["labels"].ne(IGNORED)
        flat = self._piecewise_logits(model, inputs, mask)
        n_steps = mask.sum(dim=1)
        held = torch.arange(int(n_steps.max()), device=mask.device) < n_steps[:, None]
        logits = flat.new_full((*held.shape, N_CLASSES), IGNORED)
        logits[held] = flat
        labels = flat.new_full(held.shape, IGNORED)
        labels[held] = inputs["labels"][mask].to(flat.dtype)
        return None, logits, labels

    def _piecewise_logits(
        self, model: Any, inputs: Mapping[str, torch.Tensor], mask: torch.Tensor
    ) -> torch.Tensor:
        """Logits [steps, 2] in row-major order of the mask."""
        at = torch.zeros_like(mask, dtype=torch.long)
        at[mask] = torch.arange(int(mask.sum()), device=mask.device)
        logits = torch.empty((int(mask.sum()), N_CLASSES), device=mask.device)
        for piece in self._pieces(inputs):
            own = piece.labels.ne(IGNORED)
            places = at[piece.rows, : own.shape[1]][own]
            with torch.no_grad():
                logits[places] = step_logits(model, piece.input_ids, own)
        return logits


class _Watch(TrainerCallback):  # type: ignore[misc]  # untyped base
    """Reports progress, stops a run that diverged, and validates after the last update."""

    def __init__(self, on_progress: Progress | None) -> None:
        self._on_progress = on_progress
        self._started = time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._started = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step >= state.max_steps:
            control.should_log = control.should_save = True
            control.should_evaluate = args.eval_strategy != "no"
        if self._on_progress is not None:
            seconds = time.monotonic() - self._started
            self._on_progress(state.global_step, state.max_steps, seconds)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, float], **_: Any
    ) -> None:
        if not math.isfinite(logs.get("loss", 0.0)):
            raise RunError(
                f"training diverged: the loss at update {state.global_step} is not finite"
            )


def computes_in_bf16(device: str | None) -> bool:
    """Whether the hardware has matrix units for bf16, so that it is faster than fp32, not slower.

    A CPU with bf16 in its vector units alone takes 1.3 times as long (docs/benchmarks.md).
    """
    if (device or default_device()) == "cpu":
        return bool(torch.cpu._is_amx_tile_supported())
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _metrics(prediction: Any, setting: Setting) -> dict[str, float]:
    labels_NS, logits_NS = prediction.label_ids, prediction.predictions
    held_NS = labels_NS != IGNORED
    scores_NS = _softmax(logits_NS)[..., setting.formatter.family.positive]
    found = validation_metrics(
        [scores[held] for scores, held in zip(scores_NS, held_NS, strict=True)],
        [labels[held] for labels, held in zip(labels_NS, held_NS, strict=True)],
        setting.config.loss,
    )
    return {**found._asdict(), _CHOICE: found.f1 - _TIE * found.loss}


def _softmax(logits: Any) -> Any:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _pad_id(formatter: Formatter) -> int:
    """Any id will do: padding stands on the right, where no step token sees it."""
    pad = formatter.tokenizer.pad_token_id
    return 0 if pad is None else int(pad)


def _arguments(setting: Setting, n_updates: int, *, validates: bool) -> Any:
    config = setting.config
    every = max(1, math.ceil(n_updates * config.eval_every))
    arguments = TrainingArguments(
        output_dir=str(setting.folder),
        max_steps=n_updates,
        per_device_train_batch_size=setting.micro_batch,
        per_device_eval_batch_size=2 * setting.micro_batch,
        gradient_accumulation_steps=config.batch_size // setting.micro_batch,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=math.ceil(n_updates * config.warmup),
        weight_decay=config.weight_decay,
        bf16=setting.bf16,
        use_cpu=setting.device == "cpu",
        seed=setting.seed,
        logging_steps=every,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if validates else "no",
        eval_steps=every,
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=validates,
        metric_for_best_model=_CHOICE if validates else None,
        greater_is_better=True if validates else None,
        label_names=["labels"],
        remove_unused_columns=False,
        dataloader_pin_memory=setting.device != "cpu",
        disable_tqdm=True,
        report_to="none",
    )
    arguments._n_gpu = min(1, arguments.n_gpu)  # several GPUs: one process each, not DataParallel
    return arguments
