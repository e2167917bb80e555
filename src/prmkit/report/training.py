"""How each arm's training went, from its training.json: loss, step accuracy and F1 over updates.

These are diagnostics, each a single measurement without an interval, and validation chose the
weights: they are no results.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from prmkit.analysis.result import Column, Figure, Point, Series, Table
from prmkit.records import Estimate
from prmkit.report.words import NO_INTERVAL
from prmkit.store import StoredRun

ABOUT = (
    "After so many updates, the loss on the training solutions since the point before and on the "
    "validation solutions, and how PRMs did on the latter, which chose the weights that were kept. "
    "Single measurements without intervals: they show whether training worked, not how good a PRM "
    "is."
)
_COLUMNS = (
    "PRM", "labels", "solutions", "left out", "labelled steps", "of them right",
    "updates", "kept weights of update", "validation solutions",
)  # fmt: skip
_VALIDATION = {"step_accuracy": "Steps on their label's side", "f1": "F1 on first errors"}


def training_figures(run: StoredRun) -> Iterator[Figure]:
    """Curves over updates, a line an arm."""
    losses = {
        f"{arm}, {said}": _points(run, arm, *keys)
        for arm in run.training
        for said, keys in (("training", ("train_loss",)), ("validation", ("validation", "loss")))
    }
    yield _figure("Loss", "loss", losses)
    for key, title in _VALIDATION.items():
        of_arms = {arm: _points(run, arm, "validation", key) for arm in run.training}
        yield _figure(f"{title}, validation", "share", of_arms)


def training_table(run: StoredRun) -> Table | None:
    """What each arm learnt from, and which weights were kept."""
    if not run.training:
        return None
    return Table(
        title="Training",
        columns=tuple(Column(name=name, unit="number") for name in _COLUMNS),
        rows=tuple(
            (
                arm,
                run.arms.get(arm, ""),
                _count(found, "train", "n_rows"),
                len(found.get("train", {}).get("rejected", ())),
                _count(found, "train", "n_labels"),
                _count(found, "train", "n_positive"),
                max((row.get("step", 0) for row in found.get("history", ())), default=None),
                _count(found, "best_step"),
                _count(found, "validation", "n_rows"),
            )
            for arm, found in run.training.items()
        ),
    )


def _figure(title: str, y_label: str, lines: Mapping[str, tuple[Point, ...]]) -> Figure:
    return Figure(
        title=title,
        kind="lines",
        x_label="updates",
        y_label=y_label,
        unit="number" if y_label == "loss" else "percent",
        series=tuple(Series(name=name, points=points) for name, points in lines.items() if points),
    )


def _points(run: StoredRun, arm: str, *keys: str) -> tuple[Point, ...]:
    found = ((row.get("step"), _at(row, *keys)) for row in run.training[arm].get("history", ()))
    return tuple(
        Point(
            x=float(step),
            y=Estimate(value=value, low=value, high=value, n=1, method=NO_INTERVAL),
        )
        for step, value in found
        if isinstance(step, int) and isinstance(value, float | int)
    )


def _at(content: Any, *keys: str) -> Any:
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content


def _count(content: Any, *keys: str) -> int | None:
    value = _at(content, *keys)
    return value if isinstance(value, int) else None
