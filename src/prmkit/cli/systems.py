"""The systems of an evaluation, by what the command line names: stored outputs or live models."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from prmkit.config import JudgeConfig
from prmkit.datasets.importing import Imported
from prmkit.datasets.processbench import StoredPrediction, prediction_row, read_predictions
from prmkit.datasets.rows import read_rows
from prmkit.errors import ConfigError
from prmkit.records import BenchmarkCase

Predictions = Imported[StoredPrediction]


class System(NamedTuple):
    """A system that can be asked about cases."""

    name: str
    """How tables call it."""
    predict: Callable[[Sequence[BenchmarkCase]], Predictions]
    """What it says about these cases; a stored one ignores which."""
    source: str
    """What messages name: the file, or the model."""
    live: bool
    """Whether it computes, so that its outputs are worth keeping."""


def stored_system(named: str) -> System:
    """Stored predictions, as `FILE` or `NAME=FILE`."""
    name, equals, path = named.partition("=")
    file = Path(path if equals else named)
    return System(
        name if equals else file.name.split(".")[0],
        lambda _: read_predictions(read_rows([file])),
        str(file),
        live=False,
    )


def prm_system(directory: Path, *, by_prefixes: bool) -> System:
    """A PRM directory; `by_prefixes` scores each prefix alone, as an outcome model."""

    def predict(cases: Sequence[BenchmarkCase]) -> Predictions:
        from prmkit.cli.progress import LiveProgress
        from prmkit.evaluation import live
        from prmkit.scoring.hf import PrmScorer

        progress = LiveProgress()
        progress.begin(f"score {directory.name}", len(cases), "cases")
        ask = live.by_prefixes if by_prefixes else live.by_scorer
        found = ask(cases, PrmScorer(directory), progress.advance)
        progress.end(_outcome(found))
        return found

    name = f"{directory.name} (prefixes)" if by_prefixes else directory.name
    return System(name, predict, str(directory), live=True)


def critic_system(config: JudgeConfig, seed: int) -> System:
    """A critic: a generative judge, evaluated as a system of its own."""

    def predict(cases: Sequence[BenchmarkCase]) -> Predictions:
        from prmkit.cli.progress import LiveProgress
        from prmkit.evaluation.live import by_critic
        from prmkit.generators.guard import Guarded
        from prmkit.generators.load import check_config, load_config

        check_config(config)
        progress = LiveProgress()
        progress.begin(f"ask {Path(config.model).name}", len(cases), "cases")
        generator = Guarded(load_config(config), config.max_failed, "critic")
        found = by_critic(cases, generator, config, seed, progress.advance)
        progress.end(_outcome(found))
        return found

    votes = "greedy" if config.votes == 1 else f"majority of {config.votes}"
    return System(f"{Path(config.model).name} ({votes})", predict, config.model, live=True)


def save_predictions(path: Path, predictions: Sequence[StoredPrediction]) -> None:
    """Write predictions as JSON lines that `--predictions` reads.

    Raises:
        RunError: the file cannot be written.
    """
    import json

    from prmkit.store.files import write_bytes

    lines = [json.dumps(prediction_row(p), ensure_ascii=False) for p in predictions]
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode())


def check_names(systems: Sequence[System]) -> None:
    """Every system needs a name of its own.

    Raises:
        ConfigError: there is none, or two share a name.
    """
    if not systems:
        raise ConfigError("nothing to evaluate: give --predictions FILE, --prm DIR or --critic")
    names = [system.name for system in systems]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two systems are called {twice!r}; name them: --predictions NAME=FILE")


def check_threshold(threshold: float) -> None:
    """A threshold is a finite number.

    Raises:
        ConfigError: it is not.
    """
    if not math.isfinite(threshold):
        raise ConfigError(f"--threshold: found {threshold}; allowed: a finite number")


def _outcome(found: Predictions) -> str:
    n = sum(bool(row.unreadable) for row in found.records)
    return f"{found.n_rows} cases: {n} without a readable reply, {len(found.rejected)} not asked"
