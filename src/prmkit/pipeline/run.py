"""The main job from recipe to report.

    problems -> solutions -> rollouts, judge -> consensus -> PRMs -> ProcessBench, Best-of-N

Validation solutions, which choose a PRM's best weights, have exact labels in the synthetic world,
where they stand for a small set that people labelled; of imported problems they are labelled like
the training ones and held out. No evaluation data takes part in training.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from prmkit.config import recipe_digest
from prmkit.consensus import Candidate
from prmkit.datasets.cases import case_question, case_solution
from prmkit.evaluation.sampled import sampled_problems
from prmkit.intervals import Bootstrap
from prmkit.pipeline.context import Run
from prmkit.pipeline.costs import LabelledRow, Models, label_cost, stage_costs
from prmkit.pipeline.distinct import (
    Completed,
    distinct,
    of_rollouts,
    of_solutions,
    of_votes,
)
from prmkit.pipeline.evaluate import (
    ProcessSet,
    best_of_n_comparisons,
    best_of_n_curves,
    best_of_n_table,
    choose_cases,
    process_comparisons,
    process_rows,
    split_names,
)
from prmkit.pipeline.findings import (
    Distinct,
    LabelCost,
    LabelQuality,
    PolicyQuality,
    Report,
    beside_truth,
    label_quality,
    policy_quality,
)
from prmkit.pipeline.labelling import (
    filter_by_consensus,
    find_truth,
    judge,
    kept,
    make_problems,
    roll_out,
    sample,
    usable,
)
from prmkit.pipeline.models import LabelBook, score, score_labelled, train_arm
from prmkit.pipeline.sources import Source
from prmkit.pipeline.words import findings
from prmkit.records import (
    Annotated,
    Estimate,
    JudgeAnnotation,
    LabelledSolution,
    McAnnotation,
    OracleAnnotation,
    Outcome,
    Problem,
    Solution,
    StepScores,
    Usage,
)
from prmkit.steps import label_steps
from prmkit.store import write_json

REPORT = "report.json"
_WRONG = 0.5  # a label below it is a wrong step


class _Views(NamedTuple):
    """Where Monte Carlo and the judge place the first errors of the same solutions."""

    solutions: list[Solution]
    mc: list[McAnnotation]
    judged: list[JudgeAnnotation]


class _Training(NamedTuple):
    """Labelled training solutions, and those held out to choose a PRM's best weights."""

    solutions: list[Solution]
    mc: list[McAnnotation]
    judged: list[JudgeAnnotation]
    truth: list[OracleAnnotation]
    consensus: list[LabelledSolution]
    validation: list[LabelledSolution]


class _Evaluation(NamedTuple):
    """What the PRMs are evaluated on, and what they say."""

    process: ProcessSet
    judged: list[JudgeAnnotation]
    process_scores: dict[str, list[StepScores]]
    samples: list[Solution]
    sample_scores: dict[str, list[StepScores]]


def run_recipe(run: Run) -> Report:
    """Do or finish a run; its report, which is also in report.json."""
    source = make_problems(run)
    problems = {p.problem_id: p for of_part in source.parts.values() for p in of_part}
    drawn = _draw(run, source.parts)
    training = _label(run, drawn, source, problems)
    book = LabelBook(
        {s.solution_id: s for s in training.solutions},
        problems,
        {"mc": training.mc, "judge": training.judged, "oracle": training.truth},
        training.consensus,
    )
    process = _process_set(run, drawn, source, problems)
    judged = judge(run, "process", process.solutions, process.problems)
    run.rest()  # nothing is generated any more
    for arm in run.recipe.arms:
        train_arm(run, arm, book.labels(arm), training.validation)
    evaluation = _evaluate(run, process, judged, drawn["best_of_n"], problems)
    held_out = [] if _exact(run) else usable(drawn["validation"])
    score_labelled(run, held_out, training.solutions, problems)
    report = _report(run, problems, drawn, training, evaluation)
    write_json(run.folder.path / REPORT, report.model_dump(mode="json"))
    run.folder.conclude(report.findings)
    return report


def _exact(run: Run) -> bool:
    """Whether a program knows the truth of every step."""
    return run.recipe.problems.source == "synthetic"


def _draw(run: Run, parts: Mapping[str, Sequence[Problem]]) -> dict[str, list[Solution]]:
    each = {name: policy.samples for name, policy in run.recipe.policies.items()}
    chosen = run.recipe.evaluation.policy or next(iter(run.recipe.policies))
    draws = {
        "train": each,
        "validation": each,
        "process": each,
        "best_of_n": {chosen: run.recipe.evaluation.best_of},
    }
    return {part: sample(run, part, parts[part], draws[part]) for part in draws}


def _label(
    run: Run,
    drawn: Mapping[str, Sequence[Solution]],
    source: Source,
    problems: Mapping[str, Problem],
) -> _Training:
    """Label what is to be trained on, and, where nobody knows the truth, what is held out too."""
    held_out = usable(drawn["validation"])
    chosen = usable(drawn["train"]) + ([] if _exact(run) else held_out)
    chosen, mc, judged = _annotate(run, chosen, problems)
    candidates = [
        Candidate(s, problems[s.problem_id], m, j)
        for s, m, j in zip(chosen, mc, judged, strict=True)
    ]
    consensus = filter_by_consensus(run, candidates).kept
    if _exact(run):
        truth = find_truth(run, "train", chosen, problems)
        validation = _exactly_labelled(run, held_out, problems)
        return _Training(chosen, mc, judged, truth, consensus, validation)
    train_ids = {p.problem_id for p in source.parts["train"]}
    own = {s.solution_id for s in chosen if s.problem_id in train_ids}
    return _Training(
        [s for s in chosen if s.solution_id in own],
        [row for row in mc if row.solution_id in own],
        [row for row in judged if row.solution_id in own],
        [],
        [row for row in consensus if row.solution_id in own],
        of_both_kinds([row for row in consensus if row.solution_id not in own]),
    )


def _annotate(run: Run, solutions: Sequence[Solution], problems: Mapping[str, Problem]) -> _Views:
    """Both sides' views; the judge goes first where Monte Carlo verifies its claims."""
    if run.recipe.rollouts.annotator == "verify":
        judged = judge(run, "train", solutions, problems)
        made = roll_out(run, solutions, problems, {row.solution_id: row for row in judged})
        return _Views(*made, judged)
    made = roll_out(run, solutions, problems)
    return _Views(*made, judge(run, "train", made.solutions, problems))


def _exactly_labelled(
    run: Run, solutions: Sequence[Solution], problems: Mapping[str, Problem]
) -> list[LabelledSolution]:
    truth = find_truth(run, "validation", solutions, problems)
    return of_both_kinds(
        [
            label_steps(s, problems[s.problem_id], t.first_error, "oracle")
            for s, t in zip(solutions, truth, strict=True)
        ]
    )


def of_both_kinds(rows: list[LabelledSolution]) -> list[LabelledSolution]:
    """The rows, or none where all are right or all wrong: F1 needs both; last weights are kept."""
    return rows if len({row.labels[-1] < _WRONG for row in rows}) == 2 else []


def _evaluate(
    run: Run,
    process: ProcessSet,
    judged: list[JudgeAnnotation],
    samples: Sequence[Solution],
    problems: Mapping[str, Problem],
) -> _Evaluation:
    names = [arm.name for arm in run.recipe.arms]
    return _Evaluation(
        process,
        judged,
        {n: score(run, n, "process", process.solutions, process.problems) for n in names},
        list(samples),
        {name: score(run, name, "best_of_n", samples, problems) for name in names},
    )


def _process_set(
    run: Run,
    drawn: Mapping[str, Sequence[Solution]],
    source: Source,
    problems: Mapping[str, Problem],
) -> ProcessSet:
    if not _exact(run):
        return ProcessSet(
            [case_solution(case) for case in source.cases],
            {case.problem_id: case_question(case) for case in source.cases},
            {case.case_id: case.first_error for case in source.cases},
        )
    chosen = choose_cases(usable(drawn["process"]), problems, run.recipe.evaluation.process_cases)
    truth = find_truth(run, "process", chosen, problems)
    return ProcessSet(chosen, problems, {t.solution_id: t.first_error for t in truth})


def _report(
    run: Run,
    problems: Mapping[str, Problem],
    drawn: Mapping[str, Sequence[Solution]],
    training: _Training,
    evaluation: _Evaluation,
) -> Report:
    settings = run.recipe.evaluation
    interval = Bootstrap(run.recipe.seed, settings.resamples)
    process = evaluation.process.decidable()
    cases = {
        name: process.from_scores(rows, settings.decision)
        for name, rows in evaluation.process_scores.items()
    }
    cases["judge"] = process.from_annotations(evaluation.judged)
    if not process.solutions:
        cases = {}
    sampled = sampled_problems(evaluation.samples, settings.best_of)
    table = best_of_n_table(sampled, evaluation.sample_scores, interval)
    by_split = {
        split: best_of_n_table(
            [p for p in sampled if problems[p.problem_id].split == split],
            evaluation.sample_scores,
            interval,
        )
        for split in split_names(problems)
    }
    policies = _policies(run, problems, drawn, interval)  # its stage is among the counts below
    report = Report(
        name=run.recipe.name,
        seed=run.recipe.seed,
        recipe_digest=recipe_digest(run.recipe),
        counts={name: entry.counts for name, entry in run.folder.manifest.stages.items()},
        policies=policies,
        labels=_labels(training, interval, None) if _exact(run) else {},
        labels_by_outcome={
            o.value: _labels(training, interval, o) for o in (Outcome.CORRECT, Outcome.INCORRECT)
        }
        if _exact(run)
        else {},
        kept=_kept_share(training, interval),
        processbench=process_rows(cases, interval),
        processbench_left_out=[
            split for split in evaluation.process.splits() if split not in process.splits()
        ],
        processbench_comparisons=process_comparisons(cases, interval),
        best_of_n=dict(table.rows) if table else {},
        best_of_n_by_size=best_of_n_curves(sampled, evaluation.sample_scores, interval),
        best_of_n_splits={split: dict(t.rows) for split, t in by_split.items() if t},
        best_of_n_comparisons=(
            best_of_n_comparisons(table, evaluation.sample_scores, interval) if table else []
        ),
        distinct=_distinct(run, drawn, training, interval),
        cost=stage_costs(_usages(run, drawn)),
        label_cost=_label_cost(run, training, interval),
    )
    return report.model_copy(update={"findings": findings(report)})


def _policies(
    run: Run,
    problems: Mapping[str, Problem],
    drawn: Mapping[str, Sequence[Solution]],
    interval: Bootstrap,
) -> dict[str, dict[str, PolicyQuality]]:
    """Each policy on each split, over the solutions that it wrote for evaluation."""
    solutions = [*drawn["process"], *drawn["best_of_n"]]
    scored = [s for s in solutions if s.outcome is not Outcome.UNSCORED]
    exact = find_truth(run, "written", scored, problems) if _exact(run) else []
    truth = {t.solution_id: t.first_error for t in exact}
    written = {problems[s.problem_id].split for s in solutions}
    order = [split for split in split_names(problems) if split in written]
    found: dict[str, dict[str, PolicyQuality]] = {}
    for solution in solutions:
        found.setdefault(solution.policy, {})
    for policy, splits in found.items():
        for split in order:
            own = [
                s for s in solutions if s.policy == policy and problems[s.problem_id].split == split
            ]
            splits[split] = policy_quality(own, truth, interval)
    return found


def _labels(
    training: _Training, interval: Bootstrap, outcome: Outcome | None
) -> dict[str, LabelQuality]:
    """Quality of each source's labels, over all solutions or those with one outcome."""
    solutions = {
        s.solution_id: s for s in training.solutions if outcome is None or s.outcome is outcome
    }
    truth = {t.solution_id: t.first_error for t in training.truth}
    kept = {row.solution_id for row in training.consensus}
    own_mc = [row for row in training.mc if not row.verification]  # verified claims are the judge's
    sources: dict[str, Sequence[Annotated]] = {
        **({"mc": own_mc} if own_mc else {}),
        "judge": training.judged,
        "consensus": [row for row in training.mc if row.solution_id in kept],
    }
    quality: dict[str, LabelQuality] = {}
    for source, rows in sources.items():
        own = [row for row in rows if row.solution_id in solutions]
        n_unscored = sum(bool(row.unscored) for row in own)
        pairs = beside_truth(own, truth, solutions)
        quality[source] = label_quality(pairs, n_unscored, interval)
    return quality


def _distinct(
    run: Run,
    drawn: Mapping[str, Sequence[Solution]],
    training: _Training,
    interval: Bootstrap,
) -> dict[str, Distinct]:
    """How different the draws of each model are from each other."""
    policies = run.recipe.policies
    written = [s for part in drawn.values() for s in part]
    completer_of = {name: policy.completer or name for name, policy in policies.items()}
    by_id = {s.solution_id: s for s in training.solutions}
    prefixes: dict[str, list[Completed]] = {}
    for name in policies:
        own = [row for row in training.mc if completer_of[by_id[row.solution_id].policy] == name]
        prefixes[f"{name}: solutions"] = of_solutions(s for s in written if s.policy == name)
        prefixes[f"{name}: rollouts"] = of_rollouts(own, by_id)
    prefixes["judge: votes"] = of_votes(training.judged, by_id)
    found = {what: distinct(completed, interval) for what, completed in prefixes.items()}
    return {what: figures for what, figures in found.items() if figures is not None}


def _label_cost(run: Run, training: _Training, interval: Bootstrap) -> LabelCost:
    policies = run.recipe.policies
    kept = {row.solution_id for row in training.consensus}
    views = zip(training.solutions, training.mc, training.judged, strict=True)
    rows = [LabelledRow(s, mc, judged, s.solution_id in kept) for s, mc, judged in views]
    models = Models(lambda s: policies[s.policy].completer or s.policy, policies, run.recipe.judge)
    return label_cost(rows, models, interval)


def _kept_share(training: _Training, interval: Bootstrap) -> Estimate | None:
    kept = {row.solution_id for row in training.consensus}
    return interval.share((s.problem_id, s.solution_id in kept) for s in training.solutions)


def _usages(run: Run, drawn: Mapping[str, Sequence[Solution]]) -> dict[str, Usage]:
    """By stage, all of it: held-out solutions that are labelled cost, too."""

    def total(rows: Iterable[Solution | McAnnotation | JudgeAnnotation]) -> Usage:
        return sum((row.usage for row in rows), Usage())

    return {
        **{f"solutions.{part}": total(rows) for part, rows in drawn.items()},
        "rollouts": total(kept(run, "rollouts", McAnnotation)),
        **{
            f"judge.{part}": total(kept(run, f"judge.{part}", JudgeAnnotation))
            for part in ("train", "process")
        },
    }
