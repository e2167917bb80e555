"""What does the consensus filter throw away, and does it shift what is trained on?

Beyond arXiv 2501.07301, whose filter keeps 40 to 50 % of the solutions and does not say which. The
share kept is counted by difficulty, length, place of the error and final answer; then the training
set before and after the filter is compared.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from prmkit.analysis.result import Analysis, Cell, Column, Figure, Point, Series, Table, Unit
from prmkit.analysis.tally import by_problem
from prmkit.analysis.view import Labelled, interval_of, split_order, training
from prmkit.intervals import Bootstrap, Floats, ratio, resolved
from prmkit.records import Annotated, Estimate, OracleAnnotation, Outcome
from prmkit.store import StoredRun

_NONE, _UNSCORED = "none", "undecided"
_LENGTHS = ((1, 3), (4, 6), (7, 9), (10, 15), (16, None))
_ABOUT = (
    "Share of the labelled solutions that the filter keeps, slice by slice; a filter that does not "
    "look at a property keeps the same share everywhere. Below it, the training set before and "
    "after: a resolved difference is a shift."
)


def filtering(run: StoredRun, resamples: int | None = None) -> Analysis:
    """Share kept by slice, and what the filter shifts."""
    interval = interval_of(run, resamples)
    rows = training(run)
    found = interval.shares(_slices(rows))
    splits = split_order(run)
    order = sorted(found, key=lambda of: (_ORDER.index(of[0]), _rank(of, splits)))
    return Analysis(
        name="filtering",
        title="What the consensus filter throws away",
        source="beyond Figure 2",
        about=_ABOUT,
        tables=(
            (
                _kept_table(order, found),
                _reasons(run),
                _shifts(rows, _shares(rows), "percent", interval),
                _shifts(rows, [_LENGTH], "number", interval),
            )
            if rows
            else ()
        ),
        figures=_figures(order, found),
        notes=() if rows else ("Nothing was labelled by both Monte Carlo and the judge.",),
        seed=interval.seed,
    )


_BY_PLACE = ("Monte Carlo's first error", "judge's first error", "true first error")
_ORDER = ("all", "split", "steps", "final answer", *_BY_PLACE)


def _slices(rows: Sequence[Labelled]) -> Iterator[tuple[str, tuple[str, str], float]]:
    for row in rows:
        n = len(row.solution.steps)
        of = {
            "all": "all",
            "split": row.split,
            "steps": _length(n),
            "final answer": row.solution.outcome.value,
            _BY_PLACE[0]: _place(row.mc, n),
            _BY_PLACE[1]: _place(row.judge, n),
        }
        if row.truth is not None:
            of[_BY_PLACE[2]] = _place(row.truth, n)
        for slicing, name in of.items():
            yield row.solution.problem_id, (slicing, name), float(row.kept)


def _length(n: int) -> str:
    for low, high in _LENGTHS:
        if high is None:
            return f"{low} or more"
        if n <= high:
            return f"{low} to {high}"
    raise AssertionError(n)


def _place(row: Annotated, n_steps: int) -> str:
    if row.unscored:
        return _UNSCORED
    if row.first_error is None:
        return _NONE
    if row.first_error == n_steps - 1:
        return "the last step"
    return ("early third", "middle third", "late third")[min(3 * row.first_error // n_steps, 2)]


_PLACES = (_NONE, "early third", "middle third", "late third", "the last step", _UNSCORED)


def _rank(of: tuple[str, str], splits: Sequence[str]) -> int:
    slicing, name = of
    if slicing == "split":
        return splits.index(name)
    if slicing == "steps":
        return int(name.split()[0])
    return _PLACES.index(name) if name in _PLACES else 0


def _kept_table(order: Sequence[tuple[str, str]], found: dict[tuple[str, str], Estimate]) -> Table:
    return Table(
        title="Share kept",
        columns=(Column(name="by"), Column(name="slice"), Column(name="n"), Column(name="kept")),
        rows=tuple((*of, found[of].n, found[of]) for of in order),
    )


def _reasons(run: StoredRun) -> Table:
    counts: dict[str, int] = {}
    for row in run.dropped:
        counts[row.reason] = counts.get(row.reason, 0) + 1
    return Table(
        title="Why solutions were dropped",
        columns=(Column(name="reason"), Column(name="solutions")),
        rows=tuple(sorted(counts.items(), key=lambda item: -item[1])),
    )


class _Property(NamedTuple):
    name: str
    value: Callable[[Labelled], float]


_LENGTH = _Property("steps of a solution", lambda row: float(len(row.solution.steps)))


def _shares(rows: Sequence[Labelled]) -> Iterator[_Property]:
    """Properties that a solution has or not."""
    yield _Property("right final answer", lambda r: r.solution.outcome is Outcome.CORRECT)
    if all(row.truth for row in rows):
        yield _Property("true error somewhere", lambda r: _place_of(r.truth) is not None)
        yield _Property("Monte-Carlo label wrong", lambda r: _place_of(r.truth) != r.mc.first_error)
    for split in dict.fromkeys(row.split for row in rows):
        yield _from(split)


def _from(split: str) -> _Property:
    return _Property(f"from {split or 'the only split'}", lambda row: row.split == split)


def _place_of(truth: OracleAnnotation | None) -> int | None:
    return None if truth is None else truth.first_error


def _shifts(
    rows: Sequence[Labelled], properties: Iterable[_Property], unit: Unit, interval: Bootstrap
) -> Table:
    lines: list[tuple[Cell, ...]] = []
    n_before, n_after = (len(rows), 0), (sum(r.kept for r in rows), 0)
    for name, value in properties:
        sums_PC = by_problem((r.solution.problem_id, _before_after(r, value(r))) for r in rows)
        figure = interval.of_share if unit == "percent" else interval.of_sums
        before = figure(sums_PC, lambda s: ratio(s[..., 0], s[..., 1]), n_before)
        after = figure(sums_PC, lambda s: ratio(s[..., 2], s[..., 3]), n_after)
        shift = interval.of_sums(sums_PC, _shift, n_after)
        said = None if shift is None else "yes" if resolved(shift) else "not resolved"
        lines.append((name, before, after, shift, said))
    return Table(
        title=f"The training set before and after: {'length' if unit == 'number' else 'shares'}",
        columns=(
            Column(name="property"),
            Column(name="before", unit=unit),
            Column(name="after", unit=unit),
            Column(name="after minus before", unit="points" if unit == "percent" else unit),
            Column(name="a shift?"),
        ),
        rows=tuple(lines),
    )


def _before_after(row: Labelled, value: float) -> tuple[float, float, float, float]:
    return float(value), 1.0, float(value) * row.kept, float(row.kept)


def _shift(sums: Floats) -> Floats:
    return ratio(sums[..., 2], sums[..., 3]) - ratio(sums[..., 0], sums[..., 1])


def _figures(
    order: Sequence[tuple[str, str]], found: dict[tuple[str, str], Estimate]
) -> tuple[Figure, ...]:
    """By difficulty, length and answer; and by the place of the first error, whoever says so."""
    rest = [
        Point(x=name if by == "all" else f"{by}: {name}", y=found[by, name])
        for by, name in order
        if by not in _BY_PLACE
    ]
    places = tuple(
        Series(
            name=by,
            points=tuple(Point(x=p, y=found[by, p]) for p in _PLACES if (by, p) in found),
        )
        for by in _BY_PLACE
    )
    kept = Series(name="kept", points=tuple(rest))
    return _dots("Kept by the consensus filter", "slice", (kept,)), _dots(
        "Kept, by place of the first error", "place", places
    )


def _dots(title: str, x_label: str, series: tuple[Series, ...]) -> Figure:
    return Figure(title=title, kind="dots", x_label=x_label, y_label="share kept", series=series)
