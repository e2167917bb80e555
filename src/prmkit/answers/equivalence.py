"""Check a final answer against a reference: exact rules first, then math-verify in a process.

The path of a pair: no answer -> incorrect; too long or too deep -> unscored; `exact` if it is
certain; a cache; math-verify (github.com/huggingface/Math-Verify) with the
reference as its first argument, in a worker process that is killed at the time limit.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Literal

from prmkit.answers.exact import compare_exactly, normal_form
from prmkit.answers.worker import Comparison
from prmkit.answers.workers import Pair, WorkerPool
from prmkit.closing import Closing
from prmkit.records import Outcome, Record

MAX_CHARS = 2000
"""An answer or reference longer than this is unscored at once; the longest real ones have ~400."""
MAX_DEPTH = 60
"""Brackets nested deeper than this are unscored at once; parsing them takes exponential time."""

_MEMORY_BYTES = 1 << 30
_CACHE_SIZE = 1 << 16
_OUTCOMES = {
    "equal": Outcome.CORRECT,
    "different": Outcome.INCORRECT,
    "unscored": Outcome.UNSCORED,
}


class Check(Record):
    """What checking one answer against its reference found."""

    outcome: Outcome
    """Correct, incorrect, or unscored where nothing could be decided."""
    reason: str = ""
    """Why it is unscored, or why an answer counts as wrong without having been compared."""
    method: Literal[
        "missing", "limit", "text", "number", "choice", "word", "formula", "math_verify"
    ]
    """The rule that decided."""


class AnswerChecker(Closing):
    """Checks answers; a context manager that ends its worker processes on exit.

    Workers start at the first pair that the exact rules leave open (about a second). May be shared
    by threads; their calls take turns.
    """

    def __init__(self, timeout_s: float = 3.0, workers: int = 2) -> None:
        """Prepare a checker; starts nothing.

        Args:
            timeout_s: Seconds of processor time after which a comparison is unscored, above 0;
                on an idle machine the same by the clock.
            workers: Worker processes, at least 1.

        Raises:
            ValueError: a setting is out of range.
        """
        if timeout_s <= 0 or workers < 1:
            raise ValueError(f"timeout_s {timeout_s} must be above 0, workers {workers} at least 1")
        self._pool = WorkerPool(workers, timeout_s, _MEMORY_BYTES)
        self._cache: OrderedDict[Pair, Check] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the worker processes; a later check starts them again."""
        with self._lock:
            self._pool.close()

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the running workers; empty while none was needed."""
        return self._pool.pids

    def check(self, answer: str | None, reference: str) -> Check:
        """Check one answer; see `check_many`."""
        return self.check_many([(answer, reference)])[0]

    def check_many(self, pairs: Iterable[tuple[str | None, str]]) -> list[Check]:
        """Check (answer, reference) pairs, slow ones on all workers at once.

        A missing or empty answer is incorrect (reason "no answer"): the solution ended without one.
        Whether it ended at all is for the caller to know: a cut-off solution is unscored and not
        to be checked. An answer that cannot be read as mathematics while the reference can is
        incorrect, with that reason; a time-out, a crash, too much memory, a too long text or an
        unreadable reference is unscored.

        Args:
            pairs: Answers as extracted (a box around them is ignored) with their references.

        Returns:
            One check a pair, in order. Equal pairs are compared once.

        Raises:
            RunError: the worker processes cannot be started.
        """
        asked = [(answer, reference) for answer, reference in pairs]
        with self._lock:
            checks: dict[tuple[str | None, str], Check] = {}
            open_pairs: list[Pair] = []
            for answer, reference in dict.fromkeys(asked):
                check = self._without_workers(answer, reference)
                if check is None:
                    open_pairs.append(Pair(answer or "", reference))
                else:
                    checks[answer, reference] = check
            comparisons = self._pool.compare(open_pairs)
            for pair, comparison in zip(open_pairs, comparisons, strict=True):
                checks[pair] = self._remember(pair, _check_of(comparison))
        return [checks[pair] for pair in asked]

    def _without_workers(self, answer: str | None, reference: str) -> Check | None:
        if answer is None or not answer.strip():
            return Check(outcome=Outcome.INCORRECT, reason="no answer", method="missing")
        pair = Pair(answer, reference)
        if pair in self._cache:
            self._cache.move_to_end(pair)
            return self._cache[pair]
        check = _limited(pair) or _decided(pair)
        return self._remember(pair, check) if check else None

    def _remember(self, pair: Pair, check: Check) -> Check:
        if check.method not in ("formula", "math_verify"):
            return check  # cheaper to find again than to keep
        self._cache[pair] = check
        if len(self._cache) > _CACHE_SIZE:
            self._cache.popitem(last=False)
        return check


def _limited(pair: Pair) -> Check | None:
    for name, text in zip(("answer", "reference"), pair, strict=True):
        if len(text) > MAX_CHARS:
            why = f"{name} has {len(text)} characters, more than {MAX_CHARS}"
        elif _depth(text) > MAX_DEPTH:
            why = f"{name} nests deeper than {MAX_DEPTH}"
        else:
            continue
        return Check(outcome=Outcome.UNSCORED, reason=why, method="limit")
    return None


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "({[":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")}]":
            depth -= 1
    return deepest


def _decided(pair: Pair) -> Check | None:
    if not normal_form(pair.answer):
        return Check(outcome=Outcome.INCORRECT, reason="no answer", method="missing")
    decision = compare_exactly(pair.answer, pair.reference)
    if decision is None:
        return None
    outcome = Outcome.CORRECT if decision.equal else Outcome.INCORRECT
    return Check(outcome=outcome, method=decision.method)


def _check_of(comparison: Comparison) -> Check:
    outcome = _OUTCOMES[comparison.verdict]
    return Check(outcome=outcome, reason=comparison.reason, method="math_verify")
