"""A stored run's rows, joined as analyses need them: solutions with truth, labels and scores."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from prmkit.datasets.cases import case_question, case_solution
from prmkit.evaluation.best_of_n import SampledProblem
from prmkit.evaluation.processbench import predict_first_error
from prmkit.evaluation.sampled import sampled_problems
from prmkit.intervals import Bootstrap
from prmkit.records import (
    Annotated,
    JudgeAnnotation,
    McAnnotation,
    OracleAnnotation,
    Outcome,
    Question,
    Solution,
    StepScores,
)
from prmkit.store import StoredRun

JUDGE = "judge"
"""The judge's name where it stands among PRMs as a system of its own."""
EXHAUSTIVE = "exhaustive"
"""The annotator that makes every draw, whose shares are unbiased."""
_RESAMPLES = 1000
_DECISION = 0.5
_BEST_OF = 8


class Known(NamedTuple):
    """A solution whose true first error is known."""

    solution: Solution
    split: str
    first_error: int | None

    @property
    def is_right_answer(self) -> bool:
        """Whether the final answer is right."""
        return self.solution.outcome is Outcome.CORRECT


class Labelled(NamedTuple):
    """A training solution with everybody's view of it."""

    solution: Solution
    split: str
    mc: McAnnotation
    judge: JudgeAnnotation
    kept: bool
    truth: OracleAnnotation | None
    """None where nobody knows."""


class Prediction(NamedTuple):
    """Where a system sees the first error of a solution."""

    first_error: int | None
    unscored: str


def interval_of(run: StoredRun, resamples: int | None = None) -> Bootstrap:
    """The run's own seed and number of resamples, or another number."""
    own = run.recipe.get("evaluation", run.recipe)  # `prm rollout` has it at the top
    stored = own.get("resamples", _RESAMPLES)
    return Bootstrap(run.manifest.seed, resamples or stored)


def decision_of(run: StoredRun) -> float:
    """The score below which a step counts as called wrong."""
    return float(run.recipe.get("evaluation", {}).get("decision", _DECISION))


def split_order(run: StoredRun) -> list[str]:
    """Splits in the order of the data set, easiest first; those of imported cases after them."""
    found = [*(p.split for p in run.problems.values()), *(c.subset for c in run.cases)]
    return list(dict.fromkeys(found))


def written(run: StoredRun) -> list[Known]:
    """All solutions that were written for evaluation and whose truth is known."""
    truth = {row.solution_id: row.first_error for row in run.truth["written"]}
    return [
        Known(s, run.problems[s.problem_id].split, truth[s.solution_id])
        for part in ("process", "best_of_n")
        for s in run.solutions[part]
        if s.solution_id in truth
    ]


def process_set(run: StoredRun) -> list[Known]:
    """The solutions that PRMs and judge are measured on, step by step."""
    if run.cases:
        return [Known(case_solution(c), c.subset, c.first_error) for c in run.cases]
    by_id = {s.solution_id: s for s in run.solutions["process"]}
    return [
        Known(s, run.problems[s.problem_id].split, row.first_error)
        for row in run.truth["process"]
        if (s := by_id.get(row.solution_id)) is not None
    ]


def samples(run: StoredRun) -> list[Known]:
    """The Best-of-N samples whose truth is known."""
    ids = {s.solution_id for s in run.solutions["best_of_n"]}
    return [row for row in written(run) if row.solution.solution_id in ids]


def scored_with_truth(run: StoredRun) -> list[Known]:
    """Best-of-N samples with known truth; where there are none, the process set."""
    return samples(run) or process_set(run)


def training(run: StoredRun) -> list[Labelled]:
    """Every solution that both Monte Carlo and the judge were asked about."""
    parts = ("train", "validation", "grown")
    solutions = {s.solution_id: s for part in parts for s in run.solutions[part]}
    judged = {row.solution_id: row for row in run.judged["train"]}
    truth = {row.solution_id: row for part in ("train",) for row in run.truth[part]}
    kept = {row.solution_id for row in run.consensus}
    return [
        Labelled(
            solution,
            run.problems[solution.problem_id].split,
            mc,
            judged[mc.solution_id],
            mc.solution_id in kept,
            truth.get(mc.solution_id),
        )
        for mc in run.mc
        if mc.solution_id in judged and (solution := solutions.get(mc.solution_id)) is not None
    ]


def learnt_from(run: StoredRun, arm: str) -> set[str]:
    """Ids of the solutions whose labels an arm's PRM was trained on."""
    labels = run.arms[arm]
    source = "mc" if labels.startswith("mc") else labels
    if source == "consensus":
        labelled = {row.solution_id for row in run.consensus}
    else:
        rows: Mapping[str, Sequence[Annotated]] = {
            "mc": run.mc,
            "judge": run.judged["train"],
            "oracle": run.truth["train"],
        }
        labelled = {row.solution_id for row in rows.get(source, ()) if not row.unscored}
    own = {s.problem_id for s in run.solutions["train"]}
    parts = (run.solutions["train"], run.solutions["grown"])
    return labelled & {s.solution_id for part in parts for s in part if s.problem_id in own}


def scores_of(run: StoredRun, arm: str) -> dict[str, StepScores]:
    """An arm's step scores of all solutions that it scored, by solution id."""
    return {row.solution_id: row for rows in run.scores[arm].values() for row in rows}


def by_arm(run: StoredRun, rows: Sequence[Known]) -> Iterator[tuple[str, list[StepScores | None]]]:
    """Each arm that scored any of these solutions, with its scores in their order; None = none."""
    for arm in run.arms:
        found = scores_of(run, arm)
        own = [found.get(row.solution.solution_id) for row in rows]
        if any(own):
            yield arm, own


def predictions(run: StoredRun, rows: Sequence[Known]) -> dict[str, list[Prediction]]:
    """Where each arm, and the judge if it was asked, sees the first errors of these solutions."""
    decision = decision_of(run)
    found = {
        arm: [_predicted(scores, decision) for scores in scores_N]
        for arm, scores_N in by_arm(run, rows)
    }
    judged = {row.solution_id: row for row in run.judged["process"]}
    if all(row.solution.solution_id in judged for row in rows) and rows:
        own = [judged[row.solution.solution_id] for row in rows]
        found[JUDGE] = [Prediction(row.first_error, row.unscored) for row in own]
    return found


def _predicted(row: StepScores | None, decision: float) -> Prediction:
    if row is None or row.unscored:
        return Prediction(None, "not scored" if row is None else row.unscored)
    return Prediction(predict_first_error(row.scores, decision), "")


def sampled(run: StoredRun) -> list[SampledProblem]:
    """The Best-of-N problems with all their samples."""
    best_of = run.recipe.get("evaluation", {}).get("best_of", _BEST_OF)
    return sampled_problems(run.solutions["best_of_n"], best_of)


def questions(run: StoredRun) -> Mapping[str, Question]:
    """The question of every problem and case."""
    return {**{c.problem_id: case_question(c) for c in run.cases}, **run.problems}
