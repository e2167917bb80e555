"""One place of the first error from several verdicts: the most frequent readable one.

ProcessBench drops unreadable votes and takes the most frequent place, and of tied ones that which
was voted for first. A tie says that the judge does not know, and the order of equally distributed
votes is chance, so by default a tie is unscored here: a row is lost rather than mislabelled.
`ties="first"` is ProcessBench's rule, for comparisons with it; stored votes can be counted again.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from prmkit.records import Verdict


class Majority(NamedTuple):
    """What the votes decide together."""

    first_error: int | None
    """The most frequent place; None = no error (or unscored)."""
    unscored: str
    """Why they decide nothing: `tie`, or why none can be read; empty if they do."""


def majority(votes: Sequence[Verdict], ties: Literal["unscored", "first"] = "unscored") -> Majority:
    """Count the readable votes; None (no error) is a place like any other.

    Args:
        votes: Verdicts in the order of their draws.
        ties: What becomes of a tie for the most frequent place.

    Returns:
        The decision. With no readable vote it is unscored, naming each reason and its number.
    """
    readable = [vote.first_error for vote in votes if not vote.unscored]
    if not readable:
        return Majority(None, _reasons(votes))
    (place, most), *others = Counter(readable).most_common()
    if ties == "unscored" and others and others[0][1] == most:
        return Majority(None, "tie")
    return Majority(place, "")


def _reasons(votes: Sequence[Verdict]) -> str:
    counts = Counter(vote.unscored for vote in votes)
    return ", ".join(f"{n} {reason}" for reason, n in sorted(counts.items())) or "no votes"
