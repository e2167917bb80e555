"""The way of the data: how many problems and solutions each stage took in, kept and left out."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from prmkit.records import Annotated, Outcome
from prmkit.report.stored import in_order
from prmkit.store import StoredRun

_PARTS = {
    "train": "to label",
    "validation": "to choose weights by",
    "process": "to find errors in",
    "best_of_n": "to pick from",
    "grown": "made of wrong rollouts, to be labelled",
}


class Piece(NamedTuple):
    """A part of a bar."""

    name: str
    n: int
    tone: str
    """good, bad, unknown, or plain: how it is coloured."""


class Bar(NamedTuple):
    """One stage of one part."""

    name: str
    total: int
    unit: str
    pieces: list[Piece]
    share: float
    """Of the longest bar of its group, in [0, 1]."""


class Group(NamedTuple):
    """Stages that count alike."""

    title: str
    about: str
    bars: list[Bar]


def flow(run: StoredRun) -> list[Group]:
    """All groups that have anything in them, in the order of the run."""
    groups = (
        Group("Problems", "No two parts share one.", list(_problems(run))),
        Group(
            "Solutions",
            f"{'Given' if run.only_labels else 'Written by the policies'}; the final answer is "
            "checked, and what cannot be checked is neither right nor wrong.",
            list(_solutions(run)),
        ),
        Group(
            "Labels",
            "Each annotator says where the first error of a solution is."
            if run.only_labels
            else "Two annotators look at each distinct scored solution; each says where the first "
            "error is.",
            list(_annotations(run)),
        ),
        Group("Consensus filter", "Kept where both place the first error alike.", list(_kept(run))),
        Group("PRMs", "Solutions that each PRM learnt from.", list(_arms(run))),
        Group("Evaluation", "Solutions that judge and PRMs were asked about.", list(_asked(run))),
    )
    return [_scaled(group) for group in groups if any(bar.total for bar in group.bars)]


def _bar(name: str, unit: str, *pieces: Piece) -> Bar:
    return Bar(name, sum(p.n for p in pieces), unit, [p for p in pieces if p.n], 0.0)


def _scaled(group: Group) -> Group:
    longest = max(bar.total for bar in group.bars)
    bars = [bar._replace(share=bar.total / longest) for bar in group.bars if bar.total]
    return group._replace(bars=bars)


def _problems(run: StoredRun) -> Iterator[Bar]:
    counts = run.manifest.stages["problems"].counts if "problems" in run.manifest.stages else {}
    for part in in_order(counts, _PARTS):
        n = counts[part]
        yield _bar(_part(part), "problems", Piece("problems", n, "plain"))


def _part(part: str) -> str:
    return f"{part.replace('_', '-')} ({_PARTS[part]})" if part in _PARTS else part


def _solutions(run: StoredRun) -> Iterator[Bar]:
    tones = {Outcome.CORRECT: "good", Outcome.INCORRECT: "bad", Outcome.UNSCORED: "unknown"}
    for part, solutions in run.solutions.items():
        counts = dict.fromkeys(tones, 0)
        for solution in solutions:
            counts[solution.outcome] += 1
        yield _bar(
            _part(part),
            "solutions",
            *(Piece(f"{outcome} answer", n, tones[outcome]) for outcome, n in counts.items()),
            Piece("rejected", len(run.rejected.get(part, ())), "unknown"),
        )


def _annotations(run: StoredRun) -> Iterator[Bar]:
    named: dict[str, Sequence[Annotated]] = {
        "given": run.given,
        "Monte Carlo": run.mc,
        "judge": run.judged["train"],
        "exact": run.truth["train"],
    }
    for name, rows in named.items():
        yield _bar(name, "solutions", *_verdicts(rows))


def _verdicts(rows: Sequence[Annotated]) -> Iterator[Piece]:
    undecided = sum(bool(row.unscored) for row in rows)
    wrong = sum(row.first_error is not None for row in rows)
    yield Piece("no error", len(rows) - wrong - undecided, "good")
    yield Piece("an error", wrong, "bad")
    yield Piece("undecided", undecided, "unknown")


def _kept(run: StoredRun) -> Iterator[Bar]:
    reasons: dict[str, int] = {}
    for row in run.dropped:
        reasons[row.reason] = reasons.get(row.reason, 0) + 1
    yield _bar(
        "labelled solutions",
        "solutions",
        Piece("kept", len(run.consensus), "good"),
        *(
            Piece(
                f"dropped: {reason.replace('_', ' ')}",
                n,
                "bad" if reason == "disagree" else "unknown",
            )
            for reason, n in reasons.items()
        ),
    )


def _arms(run: StoredRun) -> Iterator[Bar]:
    for arm, labels in run.arms.items():
        entry = run.manifest.stages.get(f"train.{arm}")
        if entry is not None:
            n, wrong = entry.counts.get("solutions", 0), entry.counts.get("negative", 0)
            wrong = min(wrong, n)
            name = arm if arm == labels else f"{arm} ({labels} labels)"
            yield _bar(
                name,
                "solutions",
                Piece("no error", n - wrong, "good"),
                Piece("an error", wrong, "bad"),
            )


def _asked(run: StoredRun) -> Iterator[Bar]:
    yield _bar("process set", "solutions", *_verdicts(run.truth["process"]))
    if run.cases:
        cases = [c.first_error for c in run.cases]
        free = sum(place is None for place in cases)
        yield _bar(
            "imported cases",
            "solutions",
            Piece("no error", free, "good"),
            Piece("an error", len(cases) - free, "bad"),
        )
    n = len(run.solutions["best_of_n"])
    yield _bar("Best-of-N samples", "solutions", Piece("samples", n, "plain"))
