"""Do two annotators place first errors alike: shares, kappa, precision and recall of wrong steps.

Both stop at their first error, so up to the earlier one of the two every step has two labels. Of
these only the last can differ: the annotator that stops there calls it wrong, and the other does
so, too (same place) or does not. A step that one calls wrong and the other right is what precision
and recall count, the second annotator being the reference. Cohen's kappa (1960) takes away the
agreement of two annotators that give the same places as often, but independently; "no error" is a
place.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Literal, NamedTuple

import numpy as np

from prmkit.datasets.annotations import Place
from prmkit.datasets.importing import Imported
from prmkit.errors import NothingScored
from prmkit.evaluation.coverage import Coverage, rejected_faults
from prmkit.evaluation.processbench import PartFigures, ProcessCase, part_figures
from prmkit.intervals import Bootstrap, Floats, ratio
from prmkit.records import Estimate

Kind = Literal["both none", "same place", "a earlier", "a later", "only a", "only b"]
KINDS: tuple[Kind, ...] = (
    "both none",
    "same place",
    "a earlier",
    "a later",
    "only a",
    "only b",
)
"""How two annotators can compare: `only a` = only the first finds an error."""
SAME: frozenset[Kind] = frozenset({"both none", "same place"})
"""Both say the same, "no error" being a place."""


class Agreement(NamedTuple):
    """Two annotators on the solutions that both have decided."""

    n: int
    """Solutions that both decided."""
    n_unscored: int
    """Solutions that either left undecided."""
    shares: Mapping[Kind, Estimate]
    """Share of the solutions of each kind."""
    same: Estimate
    """Share with the same place, "no error" being one."""
    kappa_place: Estimate | None
    """Cohen's kappa of the places; None where both always say the same one."""
    kappa_error: Estimate | None
    """Cohen's kappa of whether there is an error at all."""
    precision: Estimate | None
    """Of the steps that a calls wrong and b has labelled, the share that b calls wrong."""
    recall: Estimate | None
    """Of the steps that b calls wrong and a has labelled, the share that a calls wrong."""
    as_predictions: PartFigures
    """ProcessBench's figures with b as the truth."""
    confusion: Mapping[tuple[int | None, int | None], int]
    """Solutions by (place of a, place of b)."""


class Paired(NamedTuple):
    """The solutions of two annotators, matched."""

    pairs: Sequence[tuple[Place, Place]]
    coverage: Coverage


def pair_up(a: Imported[Place], b: Imported[Place]) -> Paired:
    """Match two annotators' solutions by id; what only one has is in the coverage."""
    of_a, of_b = ({place.solution_id: place for place in found.records} for found in (a, b))
    only_a = [key for key in of_a if key not in of_b]
    only_b = [key for key in of_b if key not in of_a]
    faults = {
        **rejected_faults(a, "unusable rows of the first"),
        **rejected_faults(b, "unusable rows of the second"),
        "solutions that only the first has": only_a,
        "solutions that only the second has": only_b,
    }
    pairs = [(place, of_b[key]) for key, place in of_a.items() if key in of_b]
    n_expected = len(pairs) + len(only_a) + len(only_b)
    found = {kind: ids for kind, ids in faults.items() if ids}
    return Paired(pairs, Coverage(n_expected, len(pairs), found))


def kind_of(a: int | None, b: int | None) -> Kind:
    """How two places compare."""
    if a is None:
        return "both none" if b is None else "only b"
    if b is None:
        return "only a"
    return "same place" if a == b else "a earlier" if a < b else "a later"


def share_of_kinds(
    rows: Sequence[tuple[str, int | None, int | None]],
    kinds: Set[Kind],
    how: Bootstrap,
    n_unscored: int = 0,
) -> Estimate:
    """Share of solutions that compare in one of some ways.

    Args:
        rows: (problem id, place of a, place of b) of solutions that both decided.
        kinds: What counts.
        how: Seed and number of resamples.
        n_unscored: Solutions that either left undecided, to state.

    Raises:
        NothingScored: there is no row.
    """
    found = how.share(((problem, kind_of(a, b) in kinds) for problem, a, b in rows), n_unscored)
    if found is None:
        raise NothingScored("a share of no solutions")
    return found


def agreement(pairs: Sequence[tuple[Place, Place]], how: Bootstrap) -> Agreement:
    """Compare two annotators.

    Args:
        pairs: The same solutions by both.
        how: Seed and number of resamples.

    Raises:
        NothingScored: there is no solution that both decided.
    """
    decided = [(a, b) for a, b in pairs if not a.unscored and not b.unscored]
    n_cases = (len(decided), len(pairs) - len(decided))
    if not decided:
        raise NothingScored(f"agreement on {len(pairs)} solutions, none decided by both")
    rows = [(a.problem_id, a.first_error, b.first_error) for a, b in decided]
    kinds = [kind_of(a, b) for _, a, b in rows]
    problems = [a.problem_id for a, _ in decided]
    sums_PK = _by_problem(problems, [KINDS.index(kind) for kind in kinds], len(KINDS))

    def estimate(statistic: Callable[[Floats], Floats]) -> Estimate | None:
        return how.of_share(sums_PK, statistic, n_cases)

    places_a = [a.first_error for a, _ in decided]
    places_b = [b.first_error for _, b in decided]
    return Agreement(
        n=len(decided),
        n_unscored=n_cases[1],
        shares={kind: share_of_kinds(rows, {kind}, how, n_cases[1]) for kind in KINDS},
        same=share_of_kinds(rows, SAME, how, n_cases[1]),
        kappa_place=_kappa(problems, places_a, places_b, how, n_cases),
        kappa_error=_kappa(
            problems,
            [None if p is None else 0 for p in places_a],
            [None if p is None else 0 for p in places_b],
            how,
            n_cases,
        ),
        precision=estimate(
            lambda s: ratio(
                _sum(s, ("same place",)), _sum(s, ("same place", "only a", "a earlier"))
            )
        ),
        recall=estimate(
            lambda s: ratio(_sum(s, ("same place",)), _sum(s, ("same place", "only b", "a later")))
        ),
        as_predictions=part_figures(
            [_case(a, b) for a, b in decided], seed=how.seed, resamples=how.resamples
        ),
        confusion=Counter(zip(places_a, places_b, strict=True)),
    )


def _sum(sums: Floats, kinds: Sequence[Kind]) -> Floats:
    return np.asarray(sums[..., [KINDS.index(kind) for kind in kinds]].sum(axis=-1))


def _case(a: Place, b: Place) -> ProcessCase:
    return ProcessCase(a.solution_id, a.problem_id, "", b.first_error, a.first_error)


def _by_problem(problems: Sequence[str], columns: Sequence[int], n_columns: int) -> Floats:
    """How often each column occurs in each problem, shape (P, n_columns)."""
    rows = {problem: row for row, problem in enumerate(sorted(set(problems)))}
    sums_PC = np.zeros((len(rows), n_columns))
    np.add.at(sums_PC, ([rows[problem] for problem in problems], list(columns)), 1.0)
    return sums_PC


def _kappa(
    problems: Sequence[str],
    a: Sequence[int | None],
    b: Sequence[int | None],
    how: Bootstrap,
    n_cases: tuple[int, int],
) -> Estimate | None:
    """Cohen's kappa of two lists of places."""
    known = {place: number for number, place in enumerate(dict.fromkeys([*a, *b]))}
    n = len(known)
    cells = [known[x] * n + known[y] for x, y in zip(a, b, strict=True)]

    def kappa(sums: Floats) -> Floats:
        table = sums.reshape(*sums.shape[:-1], n, n)
        total = table.sum(axis=(-2, -1))
        observed = ratio(np.trace(table, axis1=-2, axis2=-1), total)
        expected = ratio((table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1), total**2)
        return ratio(observed - expected, 1.0 - expected)

    return how.of_sums(_by_problem(problems, cells, n * n), kappa, n_cases)
