"""Run folders made without a model, for what reads finished runs: tests and benchmarks.

Problems, right solutions and corrupted ones are those of the synthetic world and their truth is the
oracle's; draws, verdicts and scores are drawn by chance around the truth. The report is the
pipeline's own, from tables that are already there.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prmkit.answers.equivalence import AnswerChecker
from prmkit.answers.extract import extract_answer
from prmkit.config import ModelConfig, Recipe, load_recipe
from prmkit.consensus import Candidate
from prmkit.generators.base import Generator
from prmkit.pipeline.context import Run
from prmkit.pipeline.evaluate import by_hash, choose_cases
from prmkit.pipeline.labelling import filter_by_consensus, find_truth, keep, make_problems, usable
from prmkit.pipeline.run import run_recipe
from prmkit.records import (
    JudgeAnnotation,
    McAnnotation,
    Outcome,
    Problem,
    Record,
    Rejected,
    Solution,
    StepEstimate,
    StepScores,
    Usage,
    Verdict,
)
from prmkit.rollouts.estimate import first_error, hard_label
from prmkit.steps import join_steps
from prmkit.store import RunFolder
from prmkit.synthetic.corrupt import CORRUPTIONS, corrupt
from prmkit.synthetic.language import gold_claims, gold_steps
from prmkit.synthetic.oracle import world_of
from prmkit.synthetic.world import World

TOY = Path(__file__).parents[1] / "recipes" / "toy.yaml"
SMALL = {
    "problems": "{n_train: 8, n_validation: 2, n_process: 10, n_best_of_n: 4}",
    "rollouts.annotator": "exhaustive",
    "rollouts.k": "4",
    "evaluation.best_of": "4",
    "evaluation.process_cases": "8",
    "evaluation.labelled_cases": "20",
    "evaluation.resamples": "100",
}
_USAGE = Usage(n_calls=1, prompt_tokens=120, cached_prompt_tokens=60, generated_tokens=200)


def make_run(path: Path, **changes: str) -> Path:
    """A finished run folder under `path`; changes are recipe keys with __ for a dot."""
    sets = {**SMALL, **{key.replace("__", "."): value for key, value in changes.items()}}
    recipe = load_recipe(TOY, [f"{key}={value}" for key, value in sets.items()])
    with RunFolder.open(path, recipe) as folder, AnswerChecker() as checker:
        run = Run(recipe, folder, _no_model, checker)
        _fill(run, random.Random(recipe.seed))
        run_recipe(run)
    return path


def _no_model(_: ModelConfig) -> Generator:
    raise AssertionError("a made run has all its tables; no model is to be loaded")


def _fill(run: Run, rng: random.Random) -> None:
    """Write every table that a model would have made."""
    source = make_problems(run)
    problems = {p.problem_id: p for of_part in source.parts.values() for p in of_part}
    each = {name: policy.samples for name, policy in run.recipe.policies.items()}
    drawn = {}
    for part, of_part in source.parts.items():
        draws = {"strong": run.recipe.evaluation.best_of} if part == "best_of_n" else each
        drawn[part] = [
            _solution(rng, run, p, policy, i)
            for p in of_part
            for policy, n in draws.items()
            for i in range(n)
        ]
        _done(run, f"solutions.{part}", drawn[part], Solution, solutions=len(drawn[part]))
        keep(run, f"rejected.{part}", [], Rejected)
    chosen = usable(drawn["train"])
    truth = _truth(run, "train", chosen, problems)
    mc = [_mc(rng, run.recipe, s, truth[s.solution_id]) for s in chosen]
    judged = _judge(rng, run, "train", chosen, truth)
    _done(run, "rollouts", mc, McAnnotation, annotated=len(mc))
    filter_by_consensus(
        run,
        [
            Candidate(s, problems[s.problem_id], m, j)
            for s, m, j in zip(chosen, mc, judged, strict=True)
        ],
    )
    cases = choose_cases(usable(drawn["process"]), problems, run.recipe.evaluation.process_cases)
    truth |= _truth(run, "process", cases, problems)
    truth |= _truth(run, "written", [*drawn["process"], *drawn["best_of_n"]], problems)
    _judge(rng, run, "process", cases, truth)
    labelled = sorted(chosen, key=by_hash)[: run.recipe.evaluation.labelled_cases]
    scored = {"process": cases, "best_of_n": drawn["best_of_n"], "labelled": labelled}
    for i, arm in enumerate(run.recipe.arms):
        for part, rows in scored.items():
            scores = [_scores(rng, arm.name, s, truth[s.solution_id], 0.15 + 0.1 * i) for s in rows]
            _done(run, f"scores.{arm.name}.{part}", scores, StepScores, scored=len(scores))
        (run.folder.path / "prms" / arm.name).mkdir(parents=True)
        run.folder.finish(f"train.{arm.name}", {"solutions": len(mc), "steps": 0, "negative": 0})


def _done(run: Run, stage: str, rows: Sequence[Any], kind: type[Record], **counts: int) -> None:
    keep(run, stage, rows, kind)
    run.folder.finish(stage, counts)


def _truth(
    run: Run, part: str, solutions: Sequence[Solution], problems: dict[str, Problem]
) -> dict[str, int | None]:
    scored = [s for s in solutions if s.outcome is not Outcome.UNSCORED]
    return {row.solution_id: row.first_error for row in find_truth(run, part, scored, problems)}


def _solution(rng: random.Random, run: Run, problem: Problem, policy: str, index: int) -> Solution:
    world = world_of(problem)
    steps = gold_steps(world)
    if rng.random() < (0.4 if policy == "strong" else 0.7):
        steps = _wrong(rng, world)
    checked = run.judge_answer(join_steps(steps), problem)
    return Solution(
        solution_id=f"{problem.problem_id}/{policy}/{index}",
        problem_id=problem.problem_id,
        policy=policy,
        sample_index=index,
        steps=tuple(steps),
        outcome=checked.outcome,
        reason=checked.reason,
        extracted=extract_answer(join_steps(steps)),
        usage=_USAGE,
    )


def _wrong(rng: random.Random, world: World) -> list[str]:
    claims = gold_claims(world)
    while True:
        name = rng.choice(sorted(CORRUPTIONS))
        made = corrupt(rng, world, claims, name, rng.randrange(len(claims)))
        if made is not None:
            return made.steps


def _mc(rng: random.Random, recipe: Recipe, solution: Solution, place: int | None) -> McAnnotation:
    config = recipe.rollouts
    steps = []
    for step in range(len(solution.steps)):
        chance = 0.7 if place is None or step < place else 0.15
        draws = [
            Outcome.CORRECT if rng.random() < chance else Outcome.INCORRECT for _ in range(config.k)
        ]
        hard = hard_label(draws, config.k, config.threshold)
        steps.append(StepEstimate(outcomes=tuple(draws), hard=hard, usages=(_USAGE,) * len(draws)))
        if config.annotator == "sequential" and not hard:
            break
    return McAnnotation(
        solution_id=solution.solution_id,
        first_error=first_error(step.hard for step in steps).step,
        annotator=config.annotator,
        k=config.k,
        threshold=config.threshold,
        steps=tuple(steps),
        usage=_USAGE,
    )


def _judge(
    rng: random.Random,
    run: Run,
    part: str,
    solutions: Sequence[Solution],
    truth: dict[str, int | None],
) -> list[JudgeAnnotation]:
    rows = []
    for solution in solutions:
        place = truth[solution.solution_id]
        if rng.random() < 0.3:
            place = rng.choice([None, rng.randrange(len(solution.steps))])
        text = f"I read it. \\boxed{{{-1 if place is None else place}}}"
        rows.append(
            JudgeAnnotation(
                solution_id=solution.solution_id,
                first_error=place,
                judge="synthetic:judge",
                votes=(Verdict(first_error=place, text=text),),
                usage=_USAGE,
            )
        )
    _done(run, f"judge.{part}", rows, JudgeAnnotation, annotated=len(rows))
    return rows


def _scores(
    rng: random.Random, arm: str, solution: Solution, place: int | None, noise: float
) -> StepScores:
    due = [0.9 if place is None or s < place else 0.25 for s in range(len(solution.steps))]
    scores = tuple(min(1.0, max(0.0, d + rng.gauss(0.0, noise))) for d in due)
    return StepScores(solution_id=solution.solution_id, model=arm, scores=scores)
