"""Stages from problems to labels. Each leaves tables in the run folder and is skipped if done."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from prmkit.config import ModelConfig, RolloutConfig
from prmkit.consensus import Candidate, filter_consensus
from prmkit.datasets.decontaminate import Match
from prmkit.generators.drive import Task
from prmkit.generators.guard import Guarded
from prmkit.judging.judge import judge_solution
from prmkit.pipeline.context import AnyRun, Run, StageWork
from prmkit.pipeline.distinct import Completed, Tally, complaint, of_rollouts, of_solutions
from prmkit.pipeline.sources import Source, draw_source
from prmkit.pipeline.worker import Job, Worker
from prmkit.records import (
    Annotated,
    BenchmarkCase,
    Dropped,
    JudgeAnnotation,
    LabelledSolution,
    McAnnotation,
    OracleAnnotation,
    Outcome,
    Problem,
    Question,
    Record,
    Rejected,
    Solution,
)
from prmkit.rollouts.annotators import annotate
from prmkit.rollouts.draws import DrawSource, Rollouts
from prmkit.rollouts.tree import Steps, Tree, grow_tree
from prmkit.sampling import Policy
from prmkit.store import read_records, write_records
from prmkit.synthetic.oracle import first_error, world_of
from prmkit.synthetic.problems import PARTS

R = TypeVar("R", bound=Record)
A = TypeVar("A", bound=Annotated)

GROWN = "solutions.grown"
"""Table of the solutions that the annotator `tree` made of rollouts; there is none without it."""

_LOGGER = logging.getLogger(__name__)


def keep(run: AnyRun, stage: str, rows: Sequence[R], row_type: type[R]) -> None:
    """Write one table of a stage."""
    write_records(run.folder.stage_path(stage), rows, row_type)


def kept(run: AnyRun, stage: str, row_type: type[R]) -> list[R]:
    """Read one table of a finished stage."""
    return read_records(run.folder.stage_path(stage), row_type)


def make_problems(run: Run) -> Source:
    """Problems by part, and imported cases."""
    if not run.folder.is_done("problems"):
        with run.stage("problems", len(PARTS), "parts") as work:
            source = draw_source(run.recipe.problems, run.recipe.seed)
            for part, problems in source.parts.items():
                keep(run, f"problems.{part}", problems, Problem)
                work.advance()
            keep(run, "problems.cases", source.cases, BenchmarkCase)
            keep(run, "problems.contaminated", source.contaminated, Match)
            counts = {part: len(problems) for part, problems in source.parts.items()}
            if run.recipe.problems.source == "imported":
                counts |= {"cases": len(source.cases), "contaminated": len(source.contaminated)}
            run.folder.finish("problems", counts)
            work.summary = ", ".join(f"{n} {part}" for part, n in counts.items())
    return Source(
        {part: kept(run, f"problems.{part}", Problem) for part in PARTS},
        kept(run, "problems.cases", BenchmarkCase),
        kept(run, "problems.contaminated", Match),
    )


def sample(
    run: Run, part: str, problems: Sequence[Problem], draws: Mapping[str, int]
) -> list[Solution]:
    """Solutions of a part; `draws` says how many each policy writes a problem."""
    stage = f"solutions.{part}"
    if not run.folder.is_done(stage):
        with run.stage(stage, len(problems) * sum(draws.values()), "solutions") as work:
            worker = Worker(run, stage, Solution, work)
            for name, n in draws.items():
                config = run.recipe.policies[name]
                policy = Policy(name, config.sampling, run.recipe.seed, run.judge_answer)
                jobs = [_sampling(policy, p, i) for p in problems for i in range(n)]
                limit = run.recipe.rollouts.max_failed
                worker.do(jobs, Guarded(run.generator(config), limit, stage))
            solutions = [worker.rows[key] for key in sorted(worker.rows)]
            for name in draws:
                own = of_solutions(s for s in solutions if s.policy == name)
                _warn_of_repeats(f"{stage} by {name}", own)
            keep(run, stage, solutions, Solution)
            rejected = [worker.rejected[key] for key in sorted(worker.rejected)]
            keep(run, f"rejected.{part}", rejected, Rejected)
            counts = {
                "solutions": len(solutions),
                "rejected": len(rejected),
                **{o.value: sum(s.outcome is o for s in solutions) for o in Outcome},
            }
            run.folder.finish(stage, counts)
            work.summary = ", ".join(f"{n} {word}" for word, n in counts.items())
    return kept(run, stage, Solution)


def _sampling(policy: Policy, problem: Problem, index: int) -> Job[Solution]:
    key = f"{problem.problem_id}/{policy.name}/{index}"
    return Job(key, lambda: policy.sample(problem, index))


def usable(solutions: Iterable[Solution]) -> list[Solution]:
    """Solutions worth labelling: scored, and each text of a problem once."""
    seen = set[tuple[str, tuple[str, ...]]]()
    chosen: list[Solution] = []
    for solution in solutions:
        text = (solution.problem_id, solution.steps)
        if solution.outcome is not Outcome.UNSCORED and text not in seen:
            seen.add(text)
            chosen.append(solution)
    return chosen


class RolledOut(NamedTuple):
    """Solutions and their Monte-Carlo annotations, row by row."""

    solutions: list[Solution]
    """Those that were to be annotated; behind them what the annotator `tree` has grown."""
    mc: list[McAnnotation]
    """Of each."""


def roll_out(
    run: Run,
    solutions: Sequence[Solution],
    problems: Mapping[str, Problem],
    claims: Mapping[str, JudgeAnnotation] | None = None,
) -> RolledOut:
    """Monte-Carlo annotations of solutions, each completed by its policy's completer.

    Args:
        run: The run.
        solutions: What to annotate.
        problems: By problem id.
        claims: The judge's annotations by solution id, which `verify` needs.
    """
    policies = run.recipe.policies
    completer_of = {name: policy.completer or name for name, policy in policies.items()}
    by = Completers(run.recipe.rollouts, policies, lambda s: completer_of[s.policy], claims or {})
    return complete(run, solutions, problems, by)


class Completers(NamedTuple):
    """How solutions are rolled out, and by which models."""

    config: RolloutConfig
    """Annotator, K, threshold and so on."""
    models: Mapping[str, ModelConfig]
    """By name; one after the other is loaded."""
    whose: Callable[[Solution], str]
    """The name of the model that completes a solution."""
    claims: Mapping[str, Annotated] = MappingProxyType({})
    """What the annotator `verify` verifies, by solution id."""


def complete(
    run: AnyRun, solutions: Sequence[Solution], problems: Mapping[str, Problem], by: Completers
) -> RolledOut:
    """Monte-Carlo annotations of solutions, in their order."""
    stage = "rollouts"
    if not run.folder.is_done(stage):
        is_tree = by.config.annotator == "tree"
        made = (_grow if is_tree else _roll_out)(run, solutions, problems, by)
        _warn_of_repeats(stage, of_rollouts(made.mc, {s.solution_id: s for s in made.solutions}))
    return RolledOut([*solutions, *grown(run)], kept(run, stage, McAnnotation))


def grown(run: AnyRun) -> list[Solution]:
    """What a run's trees have grown; nothing where there are none."""
    return kept(run, GROWN, Solution) if run.folder.stage_path(GROWN).exists() else []


def _roll_out(
    run: AnyRun, solutions: Sequence[Solution], problems: Mapping[str, Problem], by: Completers
) -> RolledOut:
    """Annotate each solution for itself."""

    def job(solution: Solution, completer: ModelConfig) -> Job[McAnnotation]:
        problem = problems[solution.problem_id]
        return Job(solution.solution_id, lambda: annotation(run, solution, problem, by, completer))

    stage = "rollouts"
    with run.stage(stage, len(solutions), "solutions") as work:
        worker = Worker(run, stage, McAnnotation, work)
        for name, completer in by.models.items():
            own = [s for s in solutions if by.whose(s) == name]
            if not own:
                continue  # nor is its model loaded
            own.sort(key=lambda s: -len(s.steps))  # long ones first: no lonely tail
            jobs = [job(s, completer) for s in own]
            worker.do(jobs, Guarded(run.generator(completer), by.config.max_failed, stage))
        rows = worker.in_order(solutions)
        _finish(run, stage, rows, McAnnotation, work)
    return RolledOut(list(solutions), rows)


def _grow(
    run: AnyRun, solutions: Sequence[Solution], problems: Mapping[str, Problem], by: Completers
) -> RolledOut:
    """Annotate each problem's solutions together, and grow new ones."""
    trees = dict[tuple[str, str], list[Solution]]()
    texts = dict[str, set[Steps]]()
    for solution in solutions:
        trees.setdefault((by.whose(solution), solution.problem_id), []).append(solution)
        texts.setdefault(solution.problem_id, set()).add(solution.steps)

    def job(given: Sequence[Solution], completer: ModelConfig) -> Job[Tree]:
        problem = problems[given[0].problem_id]
        taken = texts[problem.problem_id]
        key = f"{problem.problem_id}/{by.whose(given[0])}"
        return Job(key, lambda: tree(run, given, problem, by, completer, taken))

    stage, made = "rollouts", list[Tree]()
    with run.stage(stage, len(trees), "problems") as work:
        worker = Worker(run, stage, Tree, work)
        for name, completer in by.models.items():
            jobs = [job(given, completer) for (whose, _), given in trees.items() if whose == name]
            if not jobs:
                continue
            worker.do(jobs, Guarded(run.generator(completer), by.config.max_failed, stage))
            finished = [worker.rows[j.key] for j in jobs]
            made += finished
            for new in (new for t in finished for new in t.grown):
                texts[new.problem_id].add(new.steps)  # the trees of other models know them
        rows = {row.solution_id: row for t in made for row in t.annotations}
        added = [new for t in made for new in t.grown]
        keep(run, GROWN, added, Solution)  # before the stage counts as done
        everything = [*solutions, *added]
        found = RolledOut(everything, [rows[s.solution_id] for s in everything])
        _finish(run, stage, found.mc, McAnnotation, work, {"grown": len(added)})
    return found


def annotation(
    run: AnyRun, solution: Solution, problem: Problem, by: Completers, completer: ModelConfig
) -> Task[McAnnotation]:
    """The conversation that annotates one solution."""
    claim = by.claims.get(solution.solution_id)
    return annotate(_rollouts(run, solution, problem, completer), by.config, claim)


def tree(
    run: AnyRun,
    given: Sequence[Solution],
    problem: Problem,
    by: Completers,
    completer: ModelConfig,
    taken: AbstractSet[Steps] = frozenset(),
) -> Task[Tree]:
    """The conversation that annotates one problem's solutions, and grows new ones."""

    def draws_of(solution: Solution) -> DrawSource:
        return _rollouts(run, solution, problem, completer)

    return grow_tree(given, draws_of, by.config, taken)


def _rollouts(
    run: AnyRun, solution: Solution, problem: Problem, completer: ModelConfig
) -> Rollouts:
    return Rollouts(solution, problem, run.recipe.seed, completer.sampling, run.judge_answer)


def judge(
    run: Run, part: str, solutions: Sequence[Solution], problems: Mapping[str, Question]
) -> list[JudgeAnnotation]:
    """The judge's annotations of a part's solutions."""
    stage, config = f"judge.{part}", run.recipe.judge

    def job(solution: Solution) -> Job[JudgeAnnotation]:
        problem = problems[solution.problem_id]
        seed = run.recipe.seed
        return Job(solution.solution_id, lambda: judge_solution(solution, problem, config, seed))

    if not run.folder.is_done(stage):
        with run.stage(stage, len(solutions), "solutions") as work:
            worker = Worker(run, stage, JudgeAnnotation, work)
            jobs = [job(s) for s in solutions]
            if jobs:  # else the judge is not loaded either
                worker.do(jobs, Guarded(run.generator(config), config.max_failed, stage))
            _finish(run, stage, worker.in_order(solutions), JudgeAnnotation, work)
    return kept(run, stage, JudgeAnnotation)


def _warn_of_repeats(stage: str, prefixes: Sequence[Completed]) -> None:
    """Say it before more is paid for; the report says it again."""
    said = complaint(stage, Tally.of(prefixes))
    if said:
        _LOGGER.warning("%s", said)


def _finish(
    run: AnyRun,
    stage: str,
    rows: Sequence[A],
    row_type: type[A],
    work: StageWork,
    more: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Write a stage of annotations and count what could not be decided."""
    keep(run, stage, rows, row_type)
    reasons = Counter(row.unscored for row in rows if row.unscored)
    n_unscored = reasons.total()
    n_error = sum(row.first_error is not None for row in rows)
    counts = {"annotated": len(rows), "with_error": n_error, "unscored": n_unscored, **more}
    run.folder.finish(stage, counts)
    said = "".join(f", {n} {word}" for word, n in more.items())
    if reasons:
        said += f"; unscored mostly: {reasons.most_common(1)[0][0]:.100}"
    work.summary = f"{len(rows)} annotated, {n_error} with an error, {n_unscored} unscored{said}"


class Labelled(NamedTuple):
    """What the consensus filter kept and dropped."""

    kept: list[LabelledSolution]
    dropped: list[Dropped]


def filter_by_consensus(run: Run, candidates: Sequence[Candidate]) -> Labelled:
    """Keep the solutions on which Monte Carlo and the judge agree."""
    if not run.folder.is_done("consensus"):
        with run.stage("consensus", len(candidates), "solutions") as work:
            filtered = filter_consensus(candidates)
            keep(run, "dropped", filtered.dropped, Dropped)
            keep(run, "consensus", filtered.kept, LabelledSolution)
            n_dropped = {str(reason): n for reason, n in filtered.n_dropped.items()}
            counts = {"in": filtered.n_in, "kept": len(filtered.kept), **n_dropped}
            run.folder.finish("consensus", counts)
            work.advance(len(candidates))
            work.summary = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
    return Labelled(kept(run, "consensus", LabelledSolution), kept(run, "dropped", Dropped))


def find_truth(
    run: Run, part: str, solutions: Sequence[Solution], problems: Mapping[str, Problem]
) -> list[OracleAnnotation]:
    """The exact first errors of a part's solutions."""
    stage = f"truth.{part}"
    if not run.folder.is_done(stage):
        with run.stage(stage, len(solutions), "solutions") as work:
            rows: list[OracleAnnotation] = []
            for solution in solutions:
                error = first_error(world_of(problems[solution.problem_id]), solution.steps)
                rows.append(
                    OracleAnnotation(
                        solution_id=solution.solution_id,
                        first_error=None if error is None else error.step,
                        kind="" if error is None else error.kind,
                    )
                )
                work.advance()
            _finish(run, stage, rows, OracleAnnotation, work)
    return kept(run, stage, OracleAnnotation)
