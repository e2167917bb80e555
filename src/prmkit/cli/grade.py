"""`prm grade`: check final answers against references, a line of JSON each."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import typer

_SHOWN_FAULTS = 5
_PROGRESS_EVERY = 500


def grade(
    pairs: Path = typer.Option(
        help="JSON lines with `answer`, `reference` and optionally `kind`: `answer` (bare, the "
        "default) or `text` (a whole solution, whose final answer is found first)."
    ),
    out: Path = typer.Option(help="File to write; replaced when all lines are graded."),
    timeout_s: float = typer.Option(
        3.0, "--timeout", min=0.01, help="Processor seconds for a comparison; then it is unscored."
    ),
    workers: int = typer.Option(2, min=1, max=256, help="Processes for the hard comparisons."),
) -> None:
    """Check answers against references, as the pipeline does.

    Writes every line, in order, with its own fields and `verdict` (correct, incorrect or unscored)
    and `reason`. A line that cannot be read is unscored, its reason names line and field, and the
    rest goes on. Nothing is written to `--out` before all lines are graded.

    Examples:

        prm grade --pairs answers.jsonl --out graded.jsonl

        prm grade --pairs answers.jsonl --out graded.jsonl --workers 8 --timeout 10
    """
    from prmkit.answers.equivalence import AnswerChecker
    from prmkit.answers.grading import grade_lines
    from prmkit.cli.progress import LiveProgress
    from prmkit.store.files import replacing

    n_lines = sum(1 for _ in _lines(pairs))
    counts: Counter[str] = Counter()
    faults: list[str] = []
    progress = LiveProgress()
    progress.begin("grade", n_lines, "lines")
    with replacing(out) as file, AnswerChecker(timeout_s, workers) as checker:
        for n, grade in enumerate(grade_lines(_lines(pairs), checker, pairs.name), start=1):
            file.write(grade.line())
            counts[grade.verdict.value] += 1
            if grade.bad_line:
                counts["bad"] += 1
                faults += [grade.reason] if len(faults) < _SHOWN_FAULTS else []
            if n % _PROGRESS_EVERY == 0:
                progress.advance(_PROGRESS_EVERY)
    progress.end(f"written to {out}")
    _report(n_lines, counts, faults)


def _lines(path: Path) -> Iterator[bytes]:
    r"""The lines of a file, split at \n only; an endless one comes as what is allowed and more."""
    from prmkit.answers.grading import MAX_LINE_BYTES
    from prmkit.errors import DataError

    try:
        with path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES + 2):
                if not line.endswith(b"\n"):
                    _skip_line(file)
                yield line
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(1 << 20)) and not rest.endswith(b"\n"):
        pass


def _report(n_lines: int, counts: Counter[str], faults: list[str]) -> None:
    shares = ", ".join(f"{counts[v]:,} {v}" for v in ("correct", "incorrect", "unscored"))
    print(f"{n_lines:,} lines: {shares}")
    if faults:
        typer.echo(f"{counts['bad']:,} bad lines, unscored:", err=True)
        for fault in faults:
            typer.echo(f"  {fault}", err=True)
        if counts["bad"] > len(faults):
            typer.echo(f"  and {counts['bad'] - len(faults):,} more, see `reason`", err=True)
