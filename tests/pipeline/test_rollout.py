"""Claims about `prm rollout` from solutions to labels, over a scripted model."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from prmkit.answers.equivalence import AnswerChecker
from prmkit.config import RolloutRecipe
from prmkit.errors import TooManyFailures
from prmkit.generators.base import Collected, Failure, Request
from prmkit.generators.scripted import ScriptedGenerator
from prmkit.pipeline.context import Work
from prmkit.pipeline.estimate import COMPLETER
from prmkit.pipeline.given import read_given
from prmkit.pipeline.measure import measure_rollouts
from prmkit.pipeline.rollout import RolloutReport, RolloutRun, run_rollouts
from prmkit.pipeline.spent import keep_basis, rollout_cost
from prmkit.records import LabelledSolution, Problem, Rejected, Solution
from prmkit.store import RunFolder, read_records, write_records

N = 12


@pytest.fixture(scope="module")
def checker() -> Iterator[AnswerChecker]:
    with AnswerChecker() as found:
        yield found


@pytest.fixture
def recipe(tmp_path: Path) -> RolloutRecipe:
    """Solutions whose third step is wrong if their number is odd, as their labels say."""
    rows = [
        LabelledSolution(
            solution_id=f"s{i}",
            question=f"What is {i}+{i}?",
            steps=("one", "two", "odd" if i % 2 else "even", "end")[: 3 if i % 2 else 4],
            labels=(1, 1, 0) if i % 2 else (1, 1, 1, 1),
            source="human",
        )
        for i in range(N)
    ]
    problems = [
        Problem(problem_id=f"p{i}", question=f"What is {i}+{i}?", answer=str(2 * i))
        for i in range(N)
    ]
    write_records(tmp_path / "labelled.parquet", rows, LabelledSolution)
    write_records(tmp_path / "problems.parquet", problems, Problem)
    settings = {
        "name": "t",
        "solutions": str(tmp_path),
        "completer": {"model": "scripted-7B"},
        "rollouts": {"k": 4},
        "resamples": 100,
    }
    return RolloutRecipe.model_validate(settings)


def complete(request: Request) -> str:
    """Right until a wrong step; each seed in its own words."""
    i = int(request.messages[0].content.split("+")[1].rstrip("?"))
    wrong = "odd" in request.prefix
    return f"word {request.seed} \\boxed{{{2 * i + wrong}}}"


class Killed(ScriptedGenerator):
    """Stops the process after some collects."""

    def __init__(self, n_collects: int) -> None:
        super().__init__(complete, release=5)
        self.n_left = n_collects

    def collect(self) -> list[Collected]:
        self.n_left -= 1
        if self.n_left < 0:
            raise KeyboardInterrupt
        return super().collect()


def run_over(
    folder: RunFolder, recipe: RolloutRecipe, checker: AnswerChecker, model: ScriptedGenerator
) -> RolloutRun:
    return Work(recipe, folder, lambda _: model, checker)


def do(
    path: Path,
    recipe: RolloutRecipe,
    checker: AnswerChecker,
    model: ScriptedGenerator | None = None,
) -> RolloutReport:
    with RunFolder.open(path, recipe) as folder:
        return run_rollouts(run_over(folder, recipe, checker, model or ScriptedGenerator(complete)))


def test_labels_are_where_completions_stop_being_right(
    recipe: RolloutRecipe, checker: AnswerChecker, tmp_path: Path
) -> None:
    report = do(tmp_path / "run", recipe, checker)
    rows = read_records(tmp_path / "run" / "labelled.parquet", LabelledSolution)
    assert {r.solution_id: r.labels for r in rows} == {
        f"s{i}": (1.0, 1.0, 0.0) if i % 2 else (1.0,) * 4 for i in range(N)
    }
    assert report.same_as_given is not None
    assert (report.same_as_given.value, report.same_as_given.n) == (1.0, N)
    assert report.with_error is not None
    assert report.with_error.value == 0.5
    assert report.labelled_steps == N // 2 * 7
    assert report.cost.n_calls == N // 2 * 7 * 4  # 3 or 4 steps, 4 draws each
    assert report.distinct is not None
    assert not report.distinct.too_few
    soft = read_records(tmp_path / "run" / "labelled_soft.parquet", LabelledSolution)
    assert soft[1].labels == (1.0, 1.0, 0.0)


def test_draws_that_are_all_the_same_are_in_the_report(
    recipe: RolloutRecipe, checker: AnswerChecker, tmp_path: Path
) -> None:
    same = ScriptedGenerator(lambda request: complete(request.model_copy(update={"seed": 1})))
    report = do(tmp_path / "run", recipe, checker, same)
    assert report.distinct is not None
    assert (report.distinct.share.value, report.distinct.too_few) == (0.25, True)


def test_killed_and_resumed_the_report_is_equal_and_nothing_is_asked_twice(
    recipe: RolloutRecipe, checker: AnswerChecker, tmp_path: Path
) -> None:
    do(tmp_path / "whole", recipe, checker)
    asked: list[str] = []
    for n_collects in (0, 3, 7, 1000):
        model = Killed(n_collects)
        try:
            do(tmp_path / "killed", recipe, checker, model)
        except KeyboardInterrupt:
            asked += [r.key("") for r in model.requests[: 5 * n_collects]]  # those answered
        else:
            asked += [r.key("") for r in model.requests]
    assert len(asked) == len(set(asked)) == N // 2 * 7 * 4
    names = ("report.json", "rollouts.parquet", "labelled.parquet")
    for name in names:
        whole, killed = (tmp_path / folder / name for folder in ("whole", "killed"))
        assert whole.read_bytes() == killed.read_bytes(), name


def test_the_inputs_are_not_read_again_by_a_resume(
    recipe: RolloutRecipe, checker: AnswerChecker, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        do(tmp_path / "run", recipe, checker, Killed(1))
    (tmp_path / "labelled.parquet").unlink()
    assert do(tmp_path / "run", recipe, checker).labelled_steps == N // 2 * 7


def test_undecided_solutions_are_kept_with_their_reason(
    recipe: RolloutRecipe, checker: AnswerChecker, tmp_path: Path
) -> None:
    cut = ScriptedGenerator(
        lambda r: complete(r) + " word" * 600 * ("+3?" in r.messages[0].content)
    )
    report = do(tmp_path / "run", recipe, checker, cut)
    (bad,) = read_records(tmp_path / "run" / "unlabelled.parquet", Rejected)
    assert (bad.row, bad.reason) == ("s3", "step 0 undecided: 4 unfinished")
    assert report.with_error is not None
    assert (report.with_error.n, report.with_error.n_unscored) == (N - 1, 1)


def test_labels_that_came_along_can_be_verified(
    recipe: RolloutRecipe, checker: AnswerChecker, tmp_path: Path
) -> None:
    rollouts = recipe.rollouts.model_copy(update={"annotator": "verify"})
    verify = recipe.model_copy(update={"rollouts": rollouts})
    report = do(tmp_path / "run", verify, checker)
    rows = read_records(tmp_path / "run" / "labelled.parquet", LabelledSolution)
    assert {r.solution_id for r in rows} == {f"s{i}" for i in range(N)}  # all labels were right
    assert report.cost.n_calls < N // 2 * 7 * 4


def test_a_measured_estimate_is_what_the_run_then_costs_and_is_paid_once(
    recipe: RolloutRecipe, checker: AnswerChecker, tmp_path: Path
) -> None:
    # each sixth solution, so s0, s6: 4 steps, 16 completions of 3 words each, 12 x 16 in all;
    # in truth the odd ones have 3 steps
    model = ScriptedGenerator(complete)
    with RunFolder.open(tmp_path / "run", recipe) as folder:
        run = run_over(folder, recipe, checker, model)
        given = read_given(recipe, run.judge_answer)
        basis = measure_rollouts(run, given, 2, tokens_per_s=10)
        keep_basis(folder.path, basis)
        n_sampled = len(model.requests)
        report = run_rollouts(run)
        cost = rollout_cost(run)
    assert (basis.rates[COMPLETER].steps, basis.rates[COMPLETER].draws) == (4, 16)
    assert n_sampled == 32
    assert len(model.requests) == report.cost.n_calls
    (line,) = cost.stages
    assert line.estimated is not None
    assert line.real is not None
    assert (line.estimated.n_calls, line.real.n_calls) == (N * 16, N // 2 * 28)
    assert (line.estimated.generated_tokens, line.real.generated_tokens) == (N * 48, N // 2 * 84)
    tokens = line.real.prompt_tokens + line.real.generated_tokens
    assert line.real.operations == 2 * 7e9 * tokens
    written = json.loads((tmp_path / "run" / "cost.json").read_text())
    assert written["stages"][0]["real"]["n_calls"] == N // 2 * 28
    assert written["seconds"]["rollouts"]["real"] > 0
    assert "Measured on 2 of 12 solutions" in written["basis"]


def test_a_tree_grows_solutions_that_are_labelled_and_a_measured_estimate_knows_of_them(
    recipe: RolloutRecipe, checker: AnswerChecker, tmp_path: Path
) -> None:
    rollouts = recipe.rollouts.model_copy(update={"annotator": "tree", "grow": 1})
    grows = recipe.model_copy(update={"rollouts": rollouts})
    model = ScriptedGenerator(
        lambda r: complete(r) if r.seed % 3 else f"slip\n\nodd {r.seed}\n\nso \\boxed{{-1}}"
    )
    with RunFolder.open(tmp_path / "run", grows) as folder:
        run = run_over(folder, grows, checker, model)
        basis = measure_rollouts(run, read_given(grows, run.judge_answer), N, tokens_per_s=10)
        report = run_rollouts(run)
    grown = read_records(tmp_path / "run" / "solutions.grown.parquet", Solution)
    assert report.counts["rollouts"]["grown"] == len(grown) > 0
    assert report.counts["rollouts"]["annotated"] == N + len(grown)
    labelled = read_records(tmp_path / "run" / "labelled.parquet", LabelledSolution)
    of_grown = {row.solution_id: row for row in labelled if "@" in row.solution_id}
    assert set(of_grown) == {s.solution_id for s in grown}
    for row in of_grown.values():  # "slip" can still come right, "odd" cannot
        assert row.steps[-1].startswith(("odd", "slip"))
        assert row.labels[-1] == 0.0
    assert basis.rates[COMPLETER].draws * N == pytest.approx(report.cost.n_calls)
    assert len({r.key("") for r in model.requests}) == len(model.requests) == report.cost.n_calls


def test_a_stage_of_few_calls_that_all_fail_stops_and_goes_on_when_the_model_is_back(
    recipe: RolloutRecipe, checker: AnswerChecker, tmp_path: Path
) -> None:
    once = recipe.rollouts.model_copy(update={"redraws": 0})  # all calls come back together
    recipe = recipe.model_copy(update={"rollouts": once})
    gone = ScriptedGenerator(lambda _: Failure(kind="server", message="500"), release=1000)
    with pytest.raises(TooManyFailures, match=r"rollouts: (\d+) of \1 calls failed"):
        do(tmp_path / "run", recipe, checker, gone)
    report = do(tmp_path / "run", recipe, checker)
    assert report == do(tmp_path / "undisturbed", recipe, checker)


def test_a_failure_that_is_let_pass_is_told_when_the_stage_ends(
    recipe: RolloutRecipe,
    checker: AnswerChecker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    left = [Failure(kind="server", message="500")]
    do(
        tmp_path / "run",
        recipe,
        checker,
        ScriptedGenerator(lambda request: left.pop() if left else complete(request)),
    )
    assert "rollouts: 1 of " in caplog.text
    assert "calls failed; the last: server: 500" in caplog.text
