"""Everything that one system's predictions on a ProcessBench-style set say, ready to show.

Slices: the cases with a right answer and a wrong process (Table 5 of arXiv 2501.07301), each
generator's solutions, and solutions by their number of steps. A slice's figures are pooled over
subsets, as most slices are small.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from prmkit.errors import ConfigError, DataError, NothingScored
from prmkit.evaluation.coverage import Coverage
from prmkit.evaluation.matching import Matched
from prmkit.evaluation.processbench import (
    PartFigures,
    ProcessCase,
    ProcessResult,
    Unreadable,
    compare,
    degenerate,
    evaluate,
    mean_error_accuracy,
    part_figures,
)
from prmkit.evaluation.published import SIZES, SUBSETS, Standing
from prmkit.evaluation.significance import McNemar, mcnemar, needed_to_resolve
from prmkit.evaluation.threshold import ScoredCase, Threshold, best_threshold
from prmkit.records import BenchmarkCase, Estimate, Outcome

_STEP_BINS = ((1, 4), (5, 8), (9, 12), (13, None))


class Resampling(NamedTuple):
    """How intervals are made, and what an unreadable reply counts as."""

    seed: int
    """Of the resampling alone."""
    resamples: int
    """Resamples over problems."""
    unreadable: Unreadable
    """`wrong`, as in the official code, or `apart`."""


class Decision(NamedTuple):
    """The threshold below which a step's score means wrong."""

    value: float
    """The threshold."""
    chosen_on: str = ""
    """Which cases chose it; empty = fixed beforehand."""
    f1_there: float | None = None
    """F1 of the cases that chose it, in [0, 1]; no result, since it was tuned on them."""
    subset: str = ""
    """The subset of the evaluated data that chose it; empty = none of them."""


class RightAnswers(NamedTuple):
    """Cases with a right answer and a wrong process: is the error placed?"""

    subsets: Mapping[str, Estimate]
    """Share of them placed exactly, by subset."""
    mean: Estimate
    """Plain mean over subsets."""
    pooled: Estimate
    """Share of all of them; subsets can be tiny (7 cases of GSM8K)."""


class ProcessSummary(NamedTuple):
    """What one system reached."""

    system: str
    decision: Decision | None
    """None where the system gave places and no scores."""
    coverage: Coverage
    cases: Sequence[ProcessCase]
    """The cases behind `result`."""
    result: ProcessResult
    left_out: Mapping[str, str]
    """Subsets without an F1 and why; only in a partial evaluation."""
    degenerate: str
    """Why the predictions say nothing; empty if they do."""
    unreadable: Mapping[str, int]
    """Cases whose reply could not be read, by reason."""
    unreadable_is: Unreadable
    """What they count as."""
    mean_f1_untouched: Estimate | None
    """Mean F1 without the subset that chose the threshold; None where none did."""
    upper_bound: Mapping[str, Threshold]
    """The best threshold of each subset, chosen on its own cases: no result."""
    right_answers: RightAnswers | None
    """None where no case with a right answer has a wrong process."""
    by_generator: Mapping[str, PartFigures]
    by_steps: Mapping[str, PartFigures]


class ProcessComparison(NamedTuple):
    """Two systems on the cases that both have."""

    a: str
    b: str
    difference: Estimate
    """Mean F1 of a minus that of b, in [0, 1], paired over problems."""
    subsets: Mapping[str, Estimate]
    """The same by subset."""
    needed: int | None
    """Cases that it would take to resolve the difference; None if it is 0."""
    test: McNemar | None
    """Of the cases decided rightly; None where several cases share a problem."""


def summarise(
    system: str, matched: Matched, decision: Decision, how: Resampling, *, partial: bool
) -> ProcessSummary:
    """Compute everything.

    Args:
        system: Its name.
        matched: Cases with what the system said.
        decision: Applied to scores, if it gave scores.
        how: Seed and number of resamples.
        partial: Leave out a subset without cases of both kinds instead of refusing.

    Raises:
        NothingScored: a subset has no scored case of one kind; with `partial`, every subset.
    """
    everything = matched.process_cases(decision.value)
    left_out = _undecided(everything, how.unreadable)
    if left_out and not partial:
        raise NothingScored(
            "; ".join(f"subset {name!r}: {why}" for name, why in left_out.items())
            + ": F1 is 0/0 there; --partial leaves it out and marks it"
        )
    cases = [case for case in everything if case.subset not in left_out]
    if not cases:
        raise NothingScored(f"{system}: no subset has scored cases of both kinds")
    benchmark = {case.case_id: case for case in matched.cases}
    return ProcessSummary(
        system=system,
        decision=decision if matched.scored else None,
        coverage=_with_left_out(matched.coverage, left_out, len(everything) - len(cases)),
        cases=cases,
        result=evaluate(cases, **how._asdict()),
        left_out=left_out,
        degenerate=degenerate(cases),
        unreadable=Counter(case.unscored for case in cases if case.unscored),
        unreadable_is=how.unreadable,
        mean_f1_untouched=_untouched(cases, decision, how),
        upper_bound=_upper_bound(matched, left_out),
        right_answers=_right_answers(cases, benchmark, how),
        by_generator=_slices(cases, lambda case: benchmark[case.case_id].policy or "?", how),
        by_steps=_by_steps(cases, benchmark, how),
    )


def choose_on(matched: Matched, named: str, subset: str = "") -> Decision:
    """Choose a threshold on cases with scores.

    Args:
        matched: The cases.
        named: How to call them.
        subset: Use this subset only; empty = all.

    Raises:
        DataError: there is no such subset, or a row holds no scores.
        NothingScored: the cases are not of both kinds.
    """
    pairs = list(zip(matched.cases, matched.predictions, strict=True))
    known = dict.fromkeys(case.subset for case, _ in pairs)
    if subset and subset not in known:
        raise DataError(f"subset {subset!r} to choose a threshold on: found {', '.join(known)}")
    scored = [
        ScoredCase(case.first_error, said.scores)
        for case, said in pairs
        if said.scores and subset in ("", case.subset)
    ]
    if not scored:
        raise DataError(f"{named}: no scores to choose a threshold by, only predictions")
    best = best_threshold(scored)
    return Decision(best.value, named, best.f1, subset)


def check_apart(validation: Sequence[BenchmarkCase], evaluated: Sequence[BenchmarkCase]) -> None:
    """No case chooses a threshold that it is then evaluated at.

    Raises:
        ConfigError: some do, by question and steps, whatever their ids.
    """
    own = {(case.question, case.steps) for case in evaluated}
    shared = [case.case_id for case in validation if (case.question, case.steps) in own]
    if shared:
        raise ConfigError(
            f"--validation: {len(shared):,} of {len(validation):,} cases are among those that are "
            f"evaluated ({', '.join(shared[:3])}{', ...' if len(shared) > 3 else ''}); allowed: "
            "others, or --choose-on SUBSET, which also says how the other subsets did"
        )


def compare_all(summaries: Sequence[ProcessSummary], how: Resampling) -> list[ProcessComparison]:
    """Every two systems, on the cases that both have.

    Raises:
        NothingScored: two systems share no case of one kind in a subset.
    """
    return [_compare(a, b, how) for a, b in combinations(summaries, 2)]


def standing(summary: ProcessSummary) -> Standing | None:
    """The system's row among the published; None unless it is about the whole benchmark.

    A threshold that one of the subsets chose is ProcessBench's own rule for scalar PRMs.
    """
    found = summary.result.subsets
    sizes = {name: (f.error_accuracy.n, f.correct_accuracy.n) for name, f in found.items()}
    if not summary.coverage.complete or sizes != SIZES:
        return None
    f1 = [100 * found[subset].f1.value for subset in SUBSETS]
    mean = 100 * summary.result.mean_f1.value
    return Standing(summary.system, f1, mean, "this evaluation", own=True)


def _compare(a: ProcessSummary, b: ProcessSummary, how: Resampling) -> ProcessComparison:
    shared = {case.case_id for case in a.cases} & {case.case_id for case in b.cases}
    a_cases = sorted(case for case in a.cases if case.case_id in shared)
    b_cases = sorted(case for case in b.cases if case.case_id in shared)
    found = compare(a_cases, b_cases, **how._asdict())
    alone = len({case.problem_id for case in a_cases}) == len(a_cases)
    test = mcnemar([_right(case) for case in a_cases], [_right(case) for case in b_cases])
    return ProcessComparison(
        a=a.system,
        b=b.system,
        difference=found.mean_f1,
        subsets=found.subsets,
        needed=needed_to_resolve(found.mean_f1),
        test=test if alone else None,
    )


def _right(case: ProcessCase) -> bool:
    return not case.unscored and case.predicted == case.first_error


def _undecided(cases: Sequence[ProcessCase], unreadable: Unreadable) -> dict[str, str]:
    """Subsets without scored cases of both kinds, with what is missing."""
    kinds: dict[str, set[bool]] = {}
    for case in cases:
        found = kinds.setdefault(case.subset, set())
        if unreadable == "wrong" or not case.unscored:
            found.add(case.first_error is not None)
    words = {True: "no scored case with an error", False: "no scored case without error"}
    return {
        subset: " and ".join(words[kind] for kind in words if kind not in found)
        for subset, found in kinds.items()
        if len(found) < len(words)
    }


def _with_left_out(coverage: Coverage, left_out: Mapping[str, str], n_cases: int) -> Coverage:
    if not left_out:
        return coverage
    words = [f"{subset}: {why}" for subset, why in left_out.items()]
    faults = {**coverage.faults, "subsets without an F1": words}
    return coverage._replace(n_used=coverage.n_used - n_cases, faults=faults)


def _untouched(
    cases: Sequence[ProcessCase], decision: Decision, how: Resampling
) -> Estimate | None:
    others = [case for case in cases if case.subset != decision.subset]
    if not decision.subset or not others:
        return None
    return evaluate(others, **how._asdict()).mean_f1


def _upper_bound(matched: Matched, left_out: Mapping[str, str]) -> dict[str, Threshold]:
    by_subset: dict[str, list[ScoredCase]] = {}
    for case, said in zip(matched.cases, matched.predictions, strict=True):
        if said.scores and case.subset not in left_out:
            row = ScoredCase(case.first_error, said.scores)
            by_subset.setdefault(case.subset, []).append(row)
    bounds: dict[str, Threshold] = {}
    for subset, rows in by_subset.items():
        if len({row.first_error is None for row in rows}) == 2:
            bounds[subset] = best_threshold(rows)
    return bounds


def _right_answers(
    cases: Sequence[ProcessCase], benchmark: Mapping[str, BenchmarkCase], how: Resampling
) -> RightAnswers | None:
    chosen = [
        case
        for case in cases
        if case.first_error is not None
        and benchmark[case.case_id].outcome is Outcome.CORRECT
        and (how.unreadable == "wrong" or not case.unscored)
    ]
    if not chosen:
        return None
    shares = _slices(chosen, lambda case: case.subset, how)
    pooled = part_figures(chosen, **how._asdict()).error_accuracy
    if pooled is None:
        return None
    return RightAnswers(
        {name: part.error_accuracy for name, part in shares.items() if part.error_accuracy},
        mean_error_accuracy(chosen, **how._asdict()),
        pooled,
    )


def _slices(
    cases: Sequence[ProcessCase], name: Callable[[ProcessCase], str], how: Resampling
) -> dict[str, PartFigures]:
    groups: dict[str, list[ProcessCase]] = {}
    for case in cases:
        groups.setdefault(name(case), []).append(case)
    return {key: part_figures(group, **how._asdict()) for key, group in groups.items()}


def _by_steps(
    cases: Sequence[ProcessCase], benchmark: Mapping[str, BenchmarkCase], how: Resampling
) -> dict[str, PartFigures]:
    names = [f"{low} or more" if high is None else f"{low} to {high}" for low, high in _STEP_BINS]

    def name(case: ProcessCase) -> str:
        n_steps = len(benchmark[case.case_id].steps)
        return next(
            named
            for named, (low, high) in zip(names, _STEP_BINS, strict=True)
            if n_steps >= low and (high is None or n_steps <= high)
        )

    found = _slices(cases, name, how)
    return {named: found[named] for named in names if named in found}
