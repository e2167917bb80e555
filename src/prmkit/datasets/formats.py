"""Every format that can be imported, by its name on the command line."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from prmkit.config import Config
from prmkit.datasets.hub import Hub, hub_rows
from prmkit.datasets.importing import Imported
from prmkit.datasets.math_shepherd import read_math_shepherd
from prmkit.datasets.own import read_own
from prmkit.datasets.prm800k import Prm800kOptions, read_prm800k
from prmkit.datasets.prmbench import read_prmbench
from prmkit.datasets.problems import PROBLEM_SETS, ProblemSet, read_problems
from prmkit.datasets.processbench import read_processbench
from prmkit.datasets.rows import BadRow, Row, read_rows
from prmkit.datasets.trl import read_trl
from prmkit.errors import ConfigError
from prmkit.faults import first_fault
from prmkit.strict_yaml import read_value

Rows = Iterable[Row | BadRow]


class Format(NamedTuple):
    """One published format."""

    title: str
    """Name in the literature."""
    gives: str
    """What its rows become."""
    source: str
    """Who publishes it."""
    licence: str
    """Terms of use, as its publishers state them."""
    splits: Mapping[str, int]
    """Expected rows by split, the default one first; empty for a format that anybody writes."""
    read: Callable[[Rows, str, Any], Imported[Any]]
    """Rows, split and options to records."""
    options: type[Config] | None = None
    """Settings of its own; None = it has none."""
    hub: Hub | None = None
    """Where the hub has it; None = from files only."""


def _problems(name: str, problem_set: ProblemSet) -> Format:
    def read(rows: Rows, split: str, options: None) -> Imported[Any]:
        return read_problems(rows, name, problem_set, split)

    kinds = {"free": "free answers", "choice": "multiple choice", "mixed": "free or choice"}
    return Format(
        title=problem_set.title,
        gives=f"problems, {kinds[problem_set.kind]}",
        source=problem_set.source,
        licence=problem_set.licence,
        splits=problem_set.splits,
        read=read,
        hub=problem_set.hub,
    )


def _plain(reader: Callable[[Rows], Imported[Any]]) -> Callable[[Rows, str, Any], Imported[Any]]:
    """A reader that needs neither split nor options."""

    def read(rows: Rows, split: str, options: None) -> Imported[Any]:
        return reader(rows)

    return read


def _prm800k(rows: Rows, split: str, options: Prm800kOptions) -> Imported[Any]:
    return read_prm800k(rows, options)


_STEP_LABELS = {
    "processbench": Format(
        title="ProcessBench",
        gives="cases, first wrong step by people",
        source="huggingface.co/datasets/Qwen/ProcessBench (arXiv 2412.06559)",
        licence="Apache-2.0",
        splits={"gsm8k": 400, "math": 1000, "olympiadbench": 1000, "omnimath": 1000},
        read=_plain(read_processbench),
        hub=Hub("Qwen/ProcessBench"),
    ),
    "prmbench": Format(
        title="PRMBench",
        gives="cases, every wrong step",
        source="github.com/ssmisya/PRMBench (arXiv 2501.03124)",
        licence="Apache-2.0",
        splits={"test": 6216},
        read=_plain(read_prmbench),
    ),
    "prm800k": Format(
        title="PRM800K, phases 1 and 2",
        gives="labelled solutions by people",
        source="github.com/openai/prm800k (arXiv 2305.20050)",
        licence="MIT",
        splits={
            "phase2_train": 97782,
            "phase2_test": 2762,
            "phase1_train": 949,
            "phase1_test": 106,
        },
        read=_prm800k,
        options=Prm800kOptions,
    ),
    "math_shepherd": Format(
        title="Math-Shepherd",
        gives="labelled solutions, hard Monte Carlo",
        source="huggingface.co/datasets/peiyi9979/Math-Shepherd (arXiv 2312.08935)",
        licence="MIT",
        splits={"train": 444655},
        read=_plain(read_math_shepherd),
        hub=Hub("peiyi9979/Math-Shepherd"),
    ),
    "trl": Format(
        title="TRL stepwise supervision",
        gives="labelled solutions",
        source="huggingface.co/docs/trl/dataset_formats",
        licence="the file's own",
        splits={},
        read=_plain(read_trl),
    ),
    "prmkit": Format(
        title="prmkit's own tables",
        gives="what they hold",
        source="docs/records.md",
        licence="the file's own",
        splits={},
        read=_plain(read_own),
    ),
}

FORMATS: dict[str, Format] = {
    **{name: _problems(name, problem_set) for name, problem_set in PROBLEM_SETS.items()},
    **_STEP_LABELS,
}
"""Problem sets first, then step labels."""


class Source(NamedTuple):
    """Where rows come from."""

    rows: Rows
    """Read as they are asked for."""
    split: str
    """The split that they are taken for; empty where a format has several and none was named."""


def source_rows(
    known: Format, name: str, files: Sequence[Path], split: str | None, *, from_hub: bool
) -> Source:
    """Rows of files, or of the hub.

    Args:
        known: The format.
        name: Its name, for messages.
        files: Files to read one after the other; none with `from_hub`.
        split: Which split it is; None = the first one of a set of problems.
        from_hub: Load the data set from the hub.

    Raises:
        ConfigError: neither or both of files and hub are given, the hub does not have this format,
            or a split is unknown.
    """
    if bool(files) == from_hub:
        raise ConfigError(f"{name}: give either files or --hub")
    if split is not None and known.splits and split not in known.splits:
        raise ConfigError(f"--split {split!r}: allowed are {', '.join(known.splits)}")
    if not from_hub:
        alone = len(known.splits) == 1 or name in PROBLEM_SETS
        return Source(read_rows(files), split or (next(iter(known.splits)) if alone else ""))
    if known.hub is None:
        raise ConfigError(f"{name}: the hub does not have it in this format; see {known.source}")
    part = split or next(iter(known.splits))
    return Source(hub_rows(known.hub, part), part)


def expected_rows(known: Format, split: str) -> int | None:
    """Published rows of a split; None where that is not known."""
    return known.splits.get(split)


def read_options(known: Format, name: str, assignments: Sequence[str]) -> Config | None:
    """A format's own options from `key=value` each; None if it has none.

    Raises:
        ConfigError: the format has no such option, or not this value.
    """
    values: dict[str, Any] = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or known.options is None:
            has = "key=value" if known.options else f"nothing, {name} has no options"
            raise ConfigError(f"--set {text}: allowed: {has}")
        values[key.strip()] = read_value(value, f"--set {text}")
    if known.options is None:
        return None
    try:
        return known.options.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        fault = first_fault(error, known.options)
    raise ConfigError(f"--set {fault.key}: {fault.problem}")
