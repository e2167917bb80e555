"""Loss curves of pre-training, from the logs that `pretrain` keeps."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from prmkit.errors import DataError, MissingExtra


class Point(NamedTuple):
    """One line of a log."""

    update: int
    """Updates done."""
    loss: float
    """Mean over the updates since the line before, in nats a token."""


def read_log(path: Path) -> list[Point]:
    """The points of a `log.jsonl`; of lines for the same update (a resumed run) the last counts.

    Raises:
        DataError: the file is missing, or a line is not one of a log.
    """
    points: dict[int, Point] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            points[row["update"]] = Point(int(row["update"]), float(row["loss"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number}: not a line of a training log") from error
    return [points[update] for update in sorted(points)]


def plot_curves(logs: Mapping[str, Path], out: Path) -> None:
    """Draw one curve a log, loss on a logarithmic axis.

    Args:
        logs: Log file by the name that its curve is to bear.
        out: Picture to write; its suffix says the format (svg, png, pdf).

    Raises:
        DataError: a log cannot be read.
        MissingExtra: matplotlib is not installed.
    """
    curves = {name: read_log(path) for name, path in logs.items()}
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra.of("matplotlib", "report") from error

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, points in curves.items():
        axes.plot([p.update for p in points], [p.loss for p in points], label=name)
    axes.set(xlabel="updates", ylabel="loss, nats a token", yscale="log")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(out, metadata={"Date": None} if out.suffix == ".svg" else None)
