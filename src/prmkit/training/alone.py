"""One training in a process of its own: `python -m prmkit.training.alone`, started by `apart`.

Reads one JSON object from standard input and writes JSON lines: {"update", "of"} as it goes, and
last {"done"} or {"error", "message"}. Where nobody reads any more it ends, and can be resumed.
"""

import json
import sys
from pathlib import Path
from typing import Any

from prmkit.config import TrainingConfig
from prmkit.errors import PrmkitError
from prmkit.records import LabelledSolution


def main() -> None:
    """Train what standard input says."""
    say = _Speaker()
    try:
        _train(json.loads(sys.stdin.read()), say)
    except PrmkitError as error:
        say(error=type(error).__name__, message=str(error))
    else:
        say(done="")


class _Speaker:
    """Writes to what was standard output at the start; whatever else prints goes to stderr."""

    def __init__(self) -> None:
        self._out, sys.stdout = sys.stdout, sys.stderr

    def __call__(self, **message: Any) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()


def _train(order: dict[str, Any], say: _Speaker) -> None:
    import torch

    from prmkit.training.trainer import TrainOptions, train_prm

    torch.set_num_threads(1)

    def on_progress(done: int, total: int, _seconds: float) -> None:
        say(update=done, of=total)

    train_prm(
        [LabelledSolution.model_validate(row) for row in order["examples"]],
        [LabelledSolution.model_validate(row) for row in order["validation"]],
        TrainingConfig.model_validate(order["config"]),
        Path(order["out"]),
        order["seed"],
        TrainOptions(resume=True, on_progress=on_progress),
    )


if __name__ == "__main__":
    main()
