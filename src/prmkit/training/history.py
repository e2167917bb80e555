"""What a training run reports about itself (`training.json` beside the weights)."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from prmkit.config import TrainingConfig
from prmkit.records import Record, Rejected
from prmkit.scoring.families import Family
from prmkit.training.examples import DECISION, IGNORED, Examples


class Counts(Record):
    """One data set of a run; `n_rows` and the rejected ones add up to what came in."""

    n_rows: int = Field(ge=0)
    """Solutions used."""
    n_labels: int = Field(ge=0)
    """Steps with a label."""
    n_positive: int = Field(ge=0)
    """Labels of at least 0.5."""
    n_tokens: int = Field(ge=0)
    """Tokens, without padding."""
    rejected: tuple[Rejected, ...]
    """Solutions not used, with the reason."""

    @classmethod
    def of(cls, examples: Examples) -> "Counts":
        """Count the rows of one data set."""
        labels = [label for row in examples.rows for label in row.labels if label != IGNORED]
        return cls(
            n_rows=len(examples.rows),
            n_labels=len(labels),
            n_positive=sum(label >= DECISION for label in labels),
            n_tokens=sum(len(row.ids) for row in examples.rows),
            rejected=tuple(examples.rejected),
        )


class Validation(Record):
    """What one validation found; see `metrics.ValidationMetrics`."""

    loss: float
    """Mean over steps."""
    step_accuracy: float
    """Share of steps on their label's side of 0.5."""
    error_accuracy: float
    """Share of wrong solutions whose first error is found exactly."""
    correct_accuracy: float
    """Share of right solutions in which no error is found."""
    f1: float
    """Harmonic mean of error and correct accuracy."""


class HistoryRow(Record):
    """The state of a run at one validation."""

    step: int = Field(ge=1)
    """Updates done."""
    epoch: float
    """Passes over the data done."""
    train_loss: float | None
    """Mean over the updates since the row before; None where nothing was logged."""
    learning_rate: float | None
    """Rate of the last update."""
    validation: Validation | None
    """None without validation data."""


class TrainingReport(Record):
    """How a PRM came about."""

    config: TrainingConfig
    """The settings."""
    family: Family
    """How solutions are written."""
    seed: int
    """The run's seed."""
    precision: str
    """bf16 (autocast, weights in fp32) or fp32."""
    train: Counts
    """What it learned from."""
    validation: Counts
    """What chose its best step."""
    history: tuple[HistoryRow, ...]
    """Rising in `step`."""
    best_step: int
    """The step whose weights were kept: the highest F1, of equals the lowest loss; without
    validation data the last."""


def history_rows(log: Sequence[Mapping[str, Any]]) -> tuple[HistoryRow, ...]:
    """One row a step from the Trainer's log, which has training and validation apart."""
    by_step: dict[int, dict[str, Any]] = {}
    for entry in log:
        by_step.setdefault(int(entry["step"]), {}).update(entry)
    return tuple(_row(step, by_step[step]) for step in sorted(by_step))


def _row(step: int, entry: Mapping[str, Any]) -> HistoryRow:
    found = {name: entry.get(f"eval_{name}") for name in Validation.model_fields}
    return HistoryRow(
        step=step,
        epoch=entry["epoch"],
        train_loss=entry.get("loss"),
        learning_rate=entry.get("learning_rate"),
        validation=Validation.model_validate(found) if "eval_f1" in entry else None,
    )
