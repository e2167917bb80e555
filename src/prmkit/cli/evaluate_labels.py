"""`prm evaluate labels`: how far annotators agree, with each other and with the truth."""

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

if TYPE_CHECKING:
    from prmkit.evaluation.agreement import Agreement
    from prmkit.evaluation.coverage import Coverage

_TRUTH = "truth"
_MOST_PLACES = 9


class Pair(NamedTuple):
    """Two annotators, compared."""

    a: str
    b: str
    found: "Agreement"
    coverage: "Coverage"


def labels(
    annotations: list[str] = typer.Argument(
        metavar="RUN|[NAME=]FILE...",
        help="A run folder, or two or more tables of annotations: of prmkit (Parquet), cases, "
        "ProcessBench rows, or JSON lines of `id` and `prediction`.",
    ),
    truth: Path | None = typer.Option(None, help="Where the truth stands; same formats."),
    partial: bool = typer.Option(
        False, "--partial", help="Compare what both have if it is not the same, and mark it."
    ),
    seed: int = typer.Option(0, help="Seed of the resampling."),
    resamples: int = typer.Option(2000, min=100, help="Bootstrap draws over problems."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of tables."),
) -> None:
    """Compare where annotators place the first error: Monte Carlo, judge, people, oracle.

    Every two are compared, and each with the truth where there is one: the confusion of places,
    Cohen's kappa, and precision and recall of wrong steps with the second as reference. A solution
    that either leaves unscored is left out and counted.

    Examples:

        prm evaluate labels runs/toy

        prm evaluate labels judge=judge.jsonl people=processbench/math.json

        prm evaluate labels runs/toy/rollouts.parquet mine.jsonl --truth truth.jsonl --json
    """
    from prmkit.datasets.annotations import read_annotations
    from prmkit.datasets.rows import read_rows
    from prmkit.errors import ConfigError
    from prmkit.evaluation.agreement import agreement, pair_up
    from prmkit.intervals import Bootstrap

    files = _files(annotations, truth)
    if len(files) < 2:
        raise ConfigError("labels: give a run, or at least two tables of annotations")
    read = {name: read_annotations(read_rows([path])) for name, path in files.items()}
    found: list[Pair] = []
    for a, b in combinations(files, 2):
        paired = pair_up(read[a], read[b])
        paired.coverage.check(f"{files[a]} and {files[b]}", partial=partial)
        compared = agreement(paired.pairs, Bootstrap(seed, resamples))
        found.append(Pair(a, b, compared, paired.coverage))
    if as_json:
        print(json.dumps([_json(pair) for pair in found], indent=2))
    else:
        _print(found)


def _files(annotations: Sequence[str], truth: Path | None) -> dict[str, Path]:
    """Annotators by name, the truth last."""
    from prmkit.datasets.annotations import RUN_TRUTH, run_annotations
    from prmkit.errors import ConfigError

    files: dict[str, Path] = {}
    for text in annotations:
        name, equals, path = text.partition("=")
        file = Path(path if equals else text)
        if file.is_dir():
            files |= run_annotations(file)
            truth = truth or next((p for p in [file / RUN_TRUTH] if p.is_file()), None)
            continue
        key = name if equals else file.name.split(".")[0]
        if key in files:
            raise ConfigError(f"two annotators are called {key!r}; name them: NAME=FILE")
        files[key] = file
    return files | ({_TRUTH: truth} if truth else {})


def _print(pairs: Sequence[Pair]) -> None:
    from prmkit.cli.tables import new_table, out
    from prmkit.evaluation.agreement import KINDS
    from prmkit.pipeline.words import percent

    console = out()
    marks = [f"{p.a} and {p.b}: {p.coverage.mark()}" for p in pairs if p.coverage.mark()]
    mark = "".join(f"\n{line}" for line in marks)
    shares = new_table(
        f"Where do a and b place the first error? Percent of solutions [95 % interval]{mark}",
        *("a and b", "solutions", *KINDS),
    )
    scores = new_table(
        f"How far do they agree?{mark}",
        *("a and b", "same place", "kappa, place", "kappa, any error"),
        *("precision", "recall", "unscored"),
        caption="Of wrong steps, b being the reference: precision, recall. Kappa: 0 = by chance.",
    )
    truths = new_table(
        f"With b as the truth, as on ProcessBench{mark}",
        *("a and b", "error acc.", "correct acc.", "F1"),
    )
    for a, b, found, _ in pairs:
        name = f"{a} and {b}"
        shares.add_row(name, f"{found.n:,}", *(percent(found.shares[kind]) for kind in KINDS))
        scores.add_row(
            name,
            percent(found.same),
            *(_kappa(k) for k in (found.kappa_place, found.kappa_error)),
            *(percent(e) for e in (found.precision, found.recall)),
            f"{found.n_unscored:,}",
        )
        if b == _TRUTH:
            truths.add_row(name, *(percent(e) for e in found.as_predictions))
    for table in (shares, scores, *([truths] if truths.rows else [])):
        console.print(table)
    for pair in pairs:
        console.print(_confusion(pair))
        for line in pair.coverage.details():
            console.print(f"  left out: {line}", markup=False)


def _kappa(estimate: object) -> str:
    from prmkit.records import Estimate

    if not isinstance(estimate, Estimate):
        return "n/a"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _confusion(pair: Pair) -> object:
    from prmkit.cli.tables import new_table

    def name(place: int | None) -> str:
        if place is None:
            return "none"
        return str(place) if place < _MOST_PLACES else f"{_MOST_PLACES}+"

    counts: dict[tuple[str, str], int] = {}
    for (a, b), n in pair.found.confusion.items():
        cell = name(a), name(b)
        counts[cell] = counts.get(cell, 0) + n
    known = {place for cell in counts for place in cell}
    places = [p for p in ("none", *map(name, range(_MOST_PLACES + 1))) if p in known]
    mark = f"\n{pair.coverage.mark()}" if pair.coverage.mark() else ""
    table = new_table(
        f"{pair.a} (rows) and {pair.b} (columns): solutions by place{mark}",
        *("step, from 0", *places),
    )
    for row in places:
        table.add_row(row, *(str(counts.get((row, column), "")) for column in places))
    return table


def _json(pair: Pair) -> dict[str, object]:
    from prmkit.evaluation.json_forms import agreement_json

    return {"a": pair.a, "b": pair.b, **agreement_json(pair.found, pair.coverage)}
