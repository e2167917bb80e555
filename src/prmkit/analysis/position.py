"""Does the lowest step score sit on the last step more often than chance puts it there?

Figure 8 of arXiv 2501.07301: the share of Best-of-N responses whose lowest step score is that of
the last step, a sign that a PRM scores outcomes (outcome shift). The null is a place drawn evenly:
it gives the last of S steps with chance 1 / S. Beyond the paper: the whole profile of places, and
where the true first errors are.
"""

from collections.abc import Iterator, Sequence

from prmkit.analysis.result import Analysis, Column, Figure, Point, Series, Table
from prmkit.analysis.view import interval_of, scored_with_truth, written
from prmkit.records import Estimate
from prmkit.store import StoredRun

_BINS = 5
_CHANCE, _TRUTH = "a random place", "the true first error"
_ABOUT = (
    "Where in a solution the lowest step score lies. Of equal lowest scores each counts its part. "
    f"The profile cuts every solution into {_BINS} even parts; a step that lies in two of them "
    "counts in each by what it covers, so that a random place gives even parts. Solutions of one "
    "step are left out: they have no choice."
)
_LAST, _RATIO = "on the last step", "ratio to chance"


def position(run: StoredRun, resamples: int | None = None) -> Analysis:
    """Share of lowest scores on the last step and profile over places, by arm, with the null."""
    interval = interval_of(run, resamples)
    found = interval.shares(_all_rows(run))
    systems = list(dict.fromkeys(system for system, _ in found))
    return Analysis(
        name="position",
        title="Where the lowest score lies",
        source="Figure 8",
        about=_ABOUT,
        tables=(_table(systems, found),) if systems else (),
        figures=(_last(systems, found), _profile(systems, found)),
        notes=() if systems else ("No arm has scored any sample.",),
        seed=interval.seed,
    )


def spread(weights_S: Sequence[float], n_bins: int) -> list[float]:
    """Even steps' weights as weights of even parts of the solution; the sum stays the same.

    Args:
        weights_S: Weight of each of S steps; step s covers [s / S, (s + 1) / S].
        n_bins: Parts.
    """
    n_steps = len(weights_S)
    bins = [0.0] * n_bins
    for step, weight in enumerate(weights_S):
        low, high = step / n_steps, (step + 1) / n_steps
        for b in range(n_bins):
            covered = min(high, (b + 1) / n_bins) - max(low, b / n_bins)
            bins[b] += weight * max(0.0, covered) * n_steps
    return bins


def _all_rows(run: StoredRun) -> Iterator[tuple[str, tuple[str, int], float | None]]:
    """Slice (system, part of the profile); part -1 is the last step."""
    samples = [s for s in run.solutions["best_of_n"] if len(s.steps) > 1]
    cases = [] if samples else [k.solution for k in scored_with_truth(run)]
    for arm in run.arms:
        scores = {r.solution_id: r for rows in run.scores[arm].values() for r in rows}
        for s in (*samples, *(c for c in cases if len(c.steps) > 1)):
            row = scores.get(s.solution_id)
            if row is not None:
                yield from _rows(s.problem_id, arm, None if row.unscored else _lowest(row.scores))
    if run.arms:
        for s in samples or cases:
            n = len(s.steps)
            yield from _rows(s.problem_id, _CHANCE, [1.0 / n] * n)
    for known in written(run):
        n, place = len(known.solution.steps), known.first_error
        if place is not None and n > 1:
            one = [float(step == place) for step in range(n)]
            yield from _rows(known.solution.problem_id, _TRUTH, one)


def _lowest(scores_S: Sequence[float]) -> list[float]:
    low = min(scores_S)
    ties = sum(score == low for score in scores_S)
    return [(score == low) / ties for score in scores_S]


def _rows(
    problem_id: str, system: str, weights_S: Sequence[float] | None
) -> Iterator[tuple[str, tuple[str, int], float | None]]:
    if weights_S is None:
        yield problem_id, (system, -1), None
        return
    yield problem_id, (system, -1), weights_S[-1]
    for b, weight in enumerate(spread(weights_S, _BINS)):
        yield problem_id, (system, b), weight


def _table(systems: Sequence[str], found: dict[tuple[str, int], Estimate]) -> Table:
    parts = [f"part {b + 1} of {_BINS}" for b in range(_BINS)]
    return Table(
        title="Place of the lowest score",
        columns=tuple(Column(name=name) for name in ("system", _LAST, *parts)),
        rows=tuple((s, *(found.get((s, b)) for b in (-1, *range(_BINS)))) for s in systems),
    )


def _last(systems: Sequence[str], found: dict[tuple[str, int], Estimate]) -> Figure:
    return Figure(
        title="Lowest score on the last step",
        kind="dots",
        x_label="system",
        y_label="share of samples",
        series=(
            Series(
                name="share of samples",
                points=tuple(Point(x=s, y=found[s, -1]) for s in systems if (s, -1) in found),
            ),
        ),
    )


def _profile(systems: Sequence[str], found: dict[tuple[str, int], Estimate]) -> Figure:
    return Figure(
        title="Where the lowest score lies",
        kind="lines",
        x_label="place in the solution, in percent",
        y_label="share of samples",
        series=tuple(
            Series(
                name=s,
                reference=s in (_CHANCE, _TRUTH),
                points=tuple(
                    Point(x=100 * (b + 0.5) / _BINS, y=found[s, b])
                    for b in range(_BINS)
                    if (s, b) in found
                ),
            )
            for s in systems
        ),
    )
