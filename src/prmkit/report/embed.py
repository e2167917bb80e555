"""Every solution of the runs as compact JSON for the step explorer.

A page holds an index of short columns, which the list and the filters read at once, and the texts
in chunks, which are parsed when one is looked at. Texts go into `<script type="application/json">`:
every `<`, `>` and `&` is written as a JSON escape, so that nothing in a text can end the element,
and a reader puts them into the page as text alone.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from prmkit.analysis.view import Prediction, decision_of, learnt_from, questions
from prmkit.datasets.cases import case_solution
from prmkit.evaluation.processbench import predict_first_error
from prmkit.records import (
    Annotated,
    GivenLabel,
    JudgeAnnotation,
    McAnnotation,
    Solution,
    StepEstimate,
)
from prmkit.store import StoredRun

CHUNK = 100
"""Solutions a chunk."""
_UNKNOWN, _UNDECIDED, _NO_ERROR = None, -2, -1
_ESCAPES = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


class Embedded(NamedTuple):
    """What goes into the page."""

    facts: str
    """JSON of what the list and the filters need."""
    chunks: list[str]
    """JSON lists of up to `CHUNK` solutions each."""
    n_shown: int
    """Solutions in it."""
    n_all: int
    """Solutions that the runs have."""


def embed(runs: Sequence[StoredRun], most: int) -> Embedded:
    """Make the explorer's data.

    Args:
        runs: In the order of the page.
        most: Solutions that the page holds at most; which ones is decided by a hash of their ids.
    """
    rows = [row for i, run in enumerate(runs) for row in _rows(i, run)]
    n_all = len(rows)
    if n_all > most:
        chosen = set(sorted(range(n_all), key=lambda i: _hash(rows[i].solution.solution_id))[:most])
        rows = [row for i, row in enumerate(rows) if i in chosen]
    problems, numbers = _problems(rows, runs)
    index = {
        "runs": [run.name for run in runs],
        "arms": [list(run.arms) for run in runs],
        "decisions": [decision_of(run) for run in runs],
        "rows": [_index_row(row, numbers) for row in rows],
        "problems": problems,
        "chunk": CHUNK,
    }
    chunks = [
        script_json([_detail(row) for row in rows[start : start + CHUNK]])
        for start in range(0, len(rows), CHUNK)
    ]
    return Embedded(script_json(index), chunks, len(rows), n_all)


def script_json(content: Any) -> str:
    """JSON that can stand inside a script element, whatever its texts hold."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text.encode("utf-8", "replace").decode()


class _Row(NamedTuple):
    """A solution with everything that is known of it."""

    run: int
    part: str
    split: str
    solution: Solution
    mc: McAnnotation | None
    judge: JudgeAnnotation | None
    given: GivenLabel | None
    truth: tuple[int | None, str] | None
    filtered: str
    evidence: str
    scores: Mapping[str, Sequence[float]]
    predicted: Mapping[str, Prediction]
    learnt: Sequence[str]


def _rows(at: int, run: StoredRun) -> Iterator[_Row]:
    mc = {row.solution_id: row for row in run.mc}
    judged = {row.solution_id: row for rows in run.judged.values() for row in rows}
    given = {row.solution_id: row for row in run.given}
    truth = {
        row.solution_id: (row.first_error, row.kind) for rows in run.truth.values() for row in rows
    }
    truth |= {c.case_id: (c.first_error, "") for c in run.cases}
    kept = {row.solution_id for row in run.consensus}
    dropped = {row.solution_id: row for row in run.dropped}
    scores = {
        arm: {row.solution_id: row for rows in parts.values() for row in rows}
        for arm, parts in run.scores.items()
    }
    learnt = {arm: learnt_from(run, arm) for arm in run.arms}
    asked, decision = questions(run), decision_of(run)
    parts = {**run.solutions, "cases": [case_solution(c) for c in run.cases]}
    for part, solutions in parts.items():
        for solution in solutions:
            name = solution.solution_id
            left_out = dropped.get(name)
            own = {arm: found[name] for arm, found in scores.items() if name in found}
            yield _Row(
                run=at,
                part=part,
                split=asked[solution.problem_id].split,
                solution=solution,
                mc=mc.get(name),
                judge=judged.get(name),
                given=given.get(name),
                truth=truth.get(name),
                filtered="kept" if name in kept else left_out.reason if left_out else "",
                evidence=left_out.evidence if left_out else "",
                scores={arm: row.scores for arm, row in own.items() if not row.unscored},
                predicted={
                    arm: Prediction(None, row.unscored)
                    if row.unscored
                    else Prediction(predict_first_error(row.scores, decision), "")
                    for arm, row in own.items()
                },
                learnt=[arm for arm in own if name in learnt[arm]],
            )


def _problems(
    rows: Sequence[_Row], runs: Sequence[StoredRun]
) -> tuple[list[list[str]], dict[tuple[int, str], int]]:
    """Questions and answers, each once, and the number of each run's problem among them."""
    asked = [questions(run) for run in runs]
    answers = [{p.problem_id: p.answer for p in run.problems.values()} for run in runs]
    found: dict[tuple[str, ...], int] = {}
    numbers: dict[tuple[int, str], int] = {}
    for row in rows:
        name = row.solution.problem_id
        if (row.run, name) not in numbers:
            text = (name, asked[row.run][name].question, answers[row.run].get(name, ""))
            numbers[row.run, name] = found.setdefault(text, len(found))
    return [list(text) for text in found], numbers


def _place(row: Annotated | Prediction | None) -> int | None:
    if row is None:
        return _UNKNOWN
    if row.unscored:
        return _UNDECIDED
    return _NO_ERROR if row.first_error is None else row.first_error


def _index_row(row: _Row, numbers: Mapping[tuple[int, str], int]) -> list[Any]:
    """Short facts: run, id, part, split, policy, outcome, steps, problem, filter, first errors."""
    s = row.solution
    truth = None if row.truth is None else _NO_ERROR if row.truth[0] is None else row.truth[0]
    return [
        row.run,
        s.solution_id,
        row.part,
        row.split,
        s.policy,
        s.outcome.value[0],
        len(s.steps),
        numbers[row.run, s.problem_id],
        row.filtered,
        truth,
        _place(row.mc),
        _place(row.judge),
        {arm: _place(found) for arm, found in row.predicted.items()},
        _place(row.given),
    ]


def _detail(row: _Row) -> dict[str, Any]:
    """Texts and numbers by step; what is not there has no key."""
    s = row.solution
    found = {
        "steps": s.steps,
        "answer": s.extracted,
        "reason": s.reason,
        "kind": row.truth[1] if row.truth else "",
        "mc": [_estimate(step) for step in row.mc.steps] if row.mc else None,
        "mcUnscored": row.mc.unscored if row.mc else "",
        "by": [row.mc.annotator, row.mc.k, row.mc.threshold] if row.mc else None,
        "votes": [[v.first_error, v.unscored, v.text] for v in row.judge.votes]
        if row.judge
        else None,
        "judge": row.judge.judge if row.judge else "",
        "givenBy": row.given.source if row.given else "",
        "evidence": row.evidence if row.evidence and not row.judge else "",
        "scores": {arm: [round(x, 4) for x in scores] for arm, scores in row.scores.items()},
        "learnt": row.learnt,
        "unscored": {a: p.unscored for a, p in row.predicted.items() if p.unscored},
    }
    return {key: value for key, value in found.items() if value}


def _estimate(step: StepEstimate) -> list[Any]:
    """Outcomes as letters, hard label, whether it was known without draws."""
    letters = "".join(outcome.value[0] for outcome in step.outcomes)
    return [letters, step.hard, step.known]


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
