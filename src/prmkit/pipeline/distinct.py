"""Whether draws repeat each other: the share of distinct completions of a prefix.

Completions of one prefix that are all the same are one completion paid for K times, and a label
made of them says nothing about the step. It happens where a server ignores seeds, where workers
share one, or at temperature 0, and it does not show in any other figure.

A prefix counts if it was completed at least twice. The whole solution does not: after its last step
there is nothing left to write, and completions are rightly alike.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from prmkit.intervals import Bootstrap, share_over_problems
from prmkit.pipeline.findings import Distinct
from prmkit.records import JudgeAnnotation, McAnnotation, Solution

FEWEST_NEW = 0.25
"""Share of the draws after a prefix's first that have to bring a new text; ours. All the same is 0,
all different 1, whatever the number of draws."""


class Completed(NamedTuple):
    """A prefix that was completed several times."""

    problem_id: str
    """The problem that it belongs to."""
    n_completions: int
    """Texts that it was given."""
    n_distinct: int
    """Different ones among them."""


def of_solutions(solutions: Iterable[Solution]) -> list[Completed]:
    """The empty prefix: one policy's solutions of each problem."""
    texts: dict[str, list[tuple[str, ...]]] = {}
    for solution in solutions:
        texts.setdefault(solution.problem_id, []).append(solution.steps)
    return _repeated(Completed(p, len(t), len(set(t))) for p, t in texts.items())


def of_rollouts(
    annotations: Iterable[McAnnotation], solutions: Mapping[str, Solution]
) -> list[Completed]:
    """The prefixes of annotated solutions, which are given by id."""
    return _repeated(
        Completed(solution.problem_id, step.n_completions, step.n_distinct)
        for row in annotations
        for solution in [solutions[row.solution_id]]
        for step in row.steps[: len(solution.steps) - 1]
    )


def of_votes(
    annotations: Iterable[JudgeAnnotation], solutions: Mapping[str, Solution]
) -> list[Completed]:
    """A judge's votes on each solution."""
    texts = ((row.solution_id, [v.text for v in row.votes if v.text]) for row in annotations)
    return _repeated(Completed(solutions[i].problem_id, len(t), len(set(t))) for i, t in texts)


def _repeated(prefixes: Iterable[Completed]) -> list[Completed]:
    return [prefix for prefix in prefixes if prefix.n_completions > 1]


class Tally(NamedTuple):
    """All prefixes together."""

    n_prefixes: int
    """Prefixes completed at least twice."""
    n_completions: int
    """Texts that they were given."""
    n_distinct: int
    """Different ones, each prefix for itself."""

    @classmethod
    def of(cls, prefixes: Sequence[Completed]) -> "Tally":
        """Count."""
        return cls(
            len(prefixes),
            sum(p.n_completions for p in prefixes),
            sum(p.n_distinct for p in prefixes),
        )

    @property
    def too_few(self) -> bool:
        """Whether draws after a prefix's first bring a new text more rarely than `FEWEST_NEW`."""
        n_further = self.n_completions - self.n_prefixes
        return self.n_distinct - self.n_prefixes < FEWEST_NEW * n_further


def distinct(prefixes: Sequence[Completed], interval: Bootstrap) -> Distinct | None:
    """The share of distinct completions, with its interval over problems; None without prefixes."""
    if not prefixes:
        return None
    sums: dict[str, list[float]] = {}
    for prefix in prefixes:
        row = sums.setdefault(prefix.problem_id, [0.0, 0.0])
        row[0] += prefix.n_distinct
        row[1] += prefix.n_completions
    rows_P2 = np.array([sums[key] for key in sorted(sums)])
    tally = Tally.of(prefixes)
    return Distinct(
        share=share_over_problems(rows_P2, (tally.n_completions, 0), **interval._asdict()),
        n_prefixes=tally.n_prefixes,
        n_distinct=tally.n_distinct,
        too_few=tally.too_few,
    )


def complaint(what: str, tally: Tally) -> str:
    """A sentence on draws that repeat each other; empty if they do not.

    Args:
        what: Whose draws, e.g. `strong: rollouts`.
        tally: Their prefixes.
    """
    if not tally.too_few:
        return ""
    return (
        f"{what}: only {tally.n_distinct:,} of {tally.n_completions:,} completions of "
        f"{tally.n_prefixes:,} prefixes are distinct, fewer than one new text in "
        f"{1 / FEWEST_NEW:.0f} draws after a prefix's first; look at the temperature, and whether "
        "the server obeys seeds."
    )
