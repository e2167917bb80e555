"""The shipped models, through the same engine as any other."""

from pathlib import Path

import pytest

from prmkit.answers.equivalence import AnswerChecker
from prmkit.answers.extract import extract_answer
from prmkit.config import JudgeConfig, RolloutConfig
from prmkit.consensus import Candidate, filter_consensus
from prmkit.generators.base import Generator, Sampling
from prmkit.generators.drive import drive
from prmkit.generators.load import load_generator, resolve_model
from prmkit.judging.judge import judge_solution
from prmkit.records import (
    CheckedAnswer,
    JudgeAnnotation,
    McAnnotation,
    Outcome,
    Problem,
    Solution,
)
from prmkit.rollouts.annotators import annotate
from prmkit.rollouts.draws import Rollouts
from prmkit.rollouts.estimate import relabel
from prmkit.sampling import Policy, sample_solutions
from prmkit.synthetic.language import gold_steps
from prmkit.synthetic.oracle import world_of
from prmkit.synthetic.problems import make_parts

MODELS = ("policy-strong", "policy-weak", "judge")
SAMPLING = Sampling(temperature=0.8, max_new_tokens=420)
PROBLEMS = make_parts(4, {"train": 4})["train"]
BY_ID = {p.problem_id: p for p in PROBLEMS}


def check(text: str, problem: Problem) -> CheckedAnswer:
    extracted = extract_answer(text)
    with AnswerChecker() as checker:
        return CheckedAnswer(checker.check(extracted, problem.answer).outcome, "", extracted)


@pytest.fixture(scope="module")
def policy() -> Generator:
    return load_generator("synthetic:policy-weak", 64)


@pytest.fixture(scope="module")
def solutions(policy: Generator) -> list[Solution]:
    tasks = sample_solutions(PROBLEMS, Policy("weak", SAMPLING, 0, check), 1)
    rows = dict(drive(tasks, policy))
    return [row for _, row in sorted(rows.items()) if isinstance(row, Solution)]


@pytest.fixture(scope="module")
def full(policy: Generator, solutions: list[Solution]) -> list[McAnnotation]:
    """All draws, from which the labels of every threshold follow."""
    return annotations(policy, solutions, {"k": 4, "redraws": 0})


def test_the_checkpoints_are_safetensors_and_small() -> None:
    files = [f for name in MODELS for f in resolve_model(f"synthetic:{name}").iterdir()]
    assert {f.suffix for f in files} <= {".json", ".safetensors", ".jsonl", ".jinja"}
    assert sum(Path(f).stat().st_size for f in files) < 12_000_000


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0, 1])
def test_stopping_early_finds_the_first_errors_of_all_draws(
    policy: Generator, solutions: list[Solution], full: list[McAnnotation], threshold: int
) -> None:
    assert len(solutions) >= 12
    settings: dict[str, int | str] = {"k": 4, "threshold": threshold, "redraws": 0}
    early = annotations(policy, solutions, {**settings, "annotator": "sequential"})
    expected = [relabel(r, threshold, len(s.steps)) for r, s in zip(full, solutions, strict=True)]
    assert [(r.first_error, bool(r.unscored)) for r in early] == [
        (r.first_error, bool(r.unscored)) for r in expected
    ]
    assert generated(early) < generated(full)


@pytest.mark.slow
@pytest.mark.parametrize("threshold", [0, 1])
def test_verified_claims_are_those_that_all_draws_and_the_filter_keep(
    policy: Generator, solutions: list[Solution], full: list[McAnnotation], threshold: int
) -> None:
    everything = [relabel(r, threshold, len(s.steps)) for r, s in zip(full, solutions, strict=True)]
    # right ones, ones a step too late, and no error
    places = [
        [row.first_error, min((row.first_error or 0) + 1, len(s.steps) - 1), None][i % 3]
        for i, (row, s) in enumerate(zip(everything, solutions, strict=True))
    ]
    judged = [
        JudgeAnnotation(solution_id=s.solution_id, first_error=place, judge="claims", votes=())
        for s, place in zip(solutions, places, strict=True)
    ]
    settings: dict[str, int | str] = {"k": 4, "threshold": threshold, "redraws": 0}
    verified = annotations(policy, solutions, {**settings, "annotator": "verify"}, judged)
    kept, expected = (
        filter_consensus(
            Candidate(s, BY_ID[s.problem_id], mc, j)
            for s, mc, j in zip(solutions, rows, judged, strict=True)
        ).kept
        for rows in (verified, everything)
    )
    assert kept == expected
    assert 0 < len(kept) < len(solutions)
    assert generated(verified) < generated(full) / 2


def annotations(
    policy: Generator,
    solutions: list[Solution],
    settings: dict[str, int | str],
    claims: list[JudgeAnnotation] | None = None,
) -> list[McAnnotation]:
    config = RolloutConfig.model_validate(settings)
    by_id = {row.solution_id: row for row in claims or []}
    tasks = (
        annotate(
            Rollouts(s, BY_ID[s.problem_id], 0, SAMPLING, check), config, by_id.get(s.solution_id)
        )
        for s in solutions
    )
    return [row for _, row in sorted(drive(tasks, policy), key=lambda pair: pair[0])]


def generated(rows: list[McAnnotation]) -> int:
    return sum(row.usage.generated_tokens for row in rows)


@pytest.mark.slow
def test_the_judge_reads_right_solutions_and_answers_in_its_form(policy: Generator) -> None:
    judge = load_generator("synthetic:judge", 64)
    config = JudgeConfig(
        model="synthetic:judge", sampling=Sampling(temperature=0.0, max_new_tokens=520)
    )
    gold = [
        Solution(
            solution_id=p.problem_id,
            problem_id=p.problem_id,
            policy="gold",
            sample_index=0,
            steps=tuple(gold_steps(world_of(p))),
            outcome=Outcome.CORRECT,
        )
        for p in PROBLEMS
    ]
    tasks = (judge_solution(s, BY_ID[s.problem_id], config, 0) for s in gold)
    rows = [row for _, row in drive(tasks, judge)]
    assert sum(bool(r.unscored) for r in rows) <= 1
    assert sum(r.first_error is None for r in rows) >= len(rows) / 2
