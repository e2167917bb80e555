"""How often is a right answer reached by a wrong process, and does it grow with difficulty?

Figure 6 of arXiv 2501.07301: among responses with a right final answer, the share with a wrong
step. There people looked at a sample; here it is counted over all solutions whose truth is known.
"""

from collections.abc import Iterator, Sequence

from prmkit.analysis.result import Analysis, Column, Figure, Point, Series, Table
from prmkit.analysis.view import Known, interval_of, process_set, split_order, written
from prmkit.records import Estimate
from prmkit.store import StoredRun

_ALL = "all"
_ABOUT = (
    "Of the solutions with a right final answer, the share in which some step is wrong: an outcome "
    "check calls these right, and labels made from outcomes inherit the mistake."
)


def process_errors(run: StoredRun, resamples: int | None = None) -> Analysis:
    """Process-error rate among right answers, by policy and split, and by number of steps."""
    known = written(run)
    notes = [] if known else ["Nobody knows the truth of the solutions that were written here."]
    if not known and run.cases:
        known = process_set(run)
        notes.append("Shown instead: the imported cases, which their makers chose.")
    right = [row for row in known if row.is_right_answer]
    interval = interval_of(run, resamples)
    by_split = interval.shares(_by_split(right))
    by_length = interval.shares(_by_length(right))
    return Analysis(
        name="process-errors",
        title="Right answers with a wrong process",
        source="Figure 6",
        about=_ABOUT,
        tables=(
            _table("By split", [*split_order(run), _ALL], by_split),
            _table("By number of steps", sorted({n for _, n in by_length}, key=int), by_length),
        ),
        figures=(_figure(split_order(run), by_split),),
        notes=tuple(notes),
        seed=interval.seed,
    )


def _by_split(right: Sequence[Known]) -> Iterator[tuple[str, tuple[str, str], float]]:
    for row in right:
        wrong = float(row.first_error is not None)
        for split in (row.split, _ALL):
            yield row.solution.problem_id, (row.solution.policy, split), wrong


def _by_length(right: Sequence[Known]) -> Iterator[tuple[str, tuple[str, str], float]]:
    for row in right:
        key = (row.solution.policy, str(len(row.solution.steps)))
        yield row.solution.problem_id, key, float(row.first_error is not None)


def _table(title: str, across: Sequence[str], found: dict[tuple[str, str], Estimate]) -> Table:
    columns = [c for c in across if any((p, c) in found for p, _ in found)]
    policies = dict.fromkeys(policy for policy, _ in found)
    return Table(
        title=title,
        columns=(Column(name="policy"), *(Column(name=c) for c in columns)),
        rows=tuple((p or "not said", *(found.get((p, c)) for c in columns)) for p in policies),
    )


def _figure(splits: Sequence[str], found: dict[tuple[str, str], Estimate]) -> Figure:
    policies = dict.fromkeys(policy for policy, _ in found)
    return Figure(
        title="Right answers with a wrong process, by split",
        kind="dots",
        x_label="split",
        y_label="share of right answers",
        series=tuple(
            Series(
                name=p or "not said",
                points=tuple(Point(x=s, y=found[p, s]) for s in splits if (p, s) in found),
            )
            for p in policies
        ),
    )
