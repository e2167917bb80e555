"""`prm run` with `rollouts.annotator: verify`, on scripted models: all but the training."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prmkit.answers.equivalence import AnswerChecker
from prmkit.config import ModelConfig, Recipe
from prmkit.generators.base import Collected, Generator, Request
from prmkit.generators.scripted import ScriptedGenerator
from prmkit.pipeline.context import Run
from prmkit.pipeline.findings import Report
from prmkit.pipeline.run import REPORT, run_recipe
from prmkit.records import Dropped, JudgeAnnotation, LabelledSolution, McAnnotation, Problem
from prmkit.store import RunFolder, read_records
from prmkit.synthetic.language import gold_steps
from prmkit.synthetic.oracle import world_of
from prmkit.synthetic.problems import make_parts

SIZES = {"n_train": 5, "n_validation": 1, "n_process": 2, "n_best_of_n": 1}
PARTS = {name.removeprefix("n_"): n for name, n in SIZES.items()}
GOLD = {p.question: gold_steps(world_of(p)) for of in make_parts(3, PARTS).values() for p in of}


def recipe(annotator: str) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "scripted",
            "seed": 3,
            "problems": SIZES,
            "policies": {"policy": {"model": "policy", "samples": 3}},
            "rollouts": {"annotator": annotator, "k": 4, "finished_is_known": True},
            "judge": {"model": "judge", "prompt": "compact"},
            "training": {"base": "none"},
            "evaluation": {"best_of": 2, "process_cases": 2, "resamples": 100},
        }
    )


def policy(request: Request) -> str:
    """The right steps, with a wrong answer the more often the more steps are written."""
    steps = GOLD[request.messages[-1].content]
    chance = random.Random(f"{request.seed}/{request.prefix}")
    written = request.prefix.count("\n\n")
    hopeless = random.Random(request.prefix).random() < 0.15 and written
    rest = list(steps[written:]) or ["That is all."]
    if hopeless or chance.random() < 0.3:
        rest[-1] = rf"So the answer is \boxed{{{chance.randint(1000, 2000)}}}."
    if chance.random() < 0.05:
        rest += ["and so on"] * 300  # cut off
    return "\n\n".join(rest)


def judge(request: Request) -> str:
    text = request.messages[-1].content
    n_steps = text.count("</paragraph_")
    chance = random.Random(text)
    place = chance.choice([-1, chance.randint(0, n_steps)])  # n_steps is out of range
    return rf"\boxed{{{place}}}"


class Dying:
    """A generator that is interrupted once, after so many replies."""

    def __init__(self, inner: Generator, budget: list[int]) -> None:
        self._inner, self._budget = inner, budget

    @property
    def model_id(self) -> str:
        return self._inner.model_id

    def submit(self, ticket: int, request: Request) -> None:
        self._inner.submit(ticket, request)

    def collect(self) -> list[Collected]:
        collected = self._inner.collect()
        self._budget[0] -= len(collected)
        if self._budget[0] < 0:
            raise KeyboardInterrupt
        return collected


@pytest.fixture(scope="module")
def checker() -> Iterator[AnswerChecker]:
    with AnswerChecker() as started:
        yield started


def run(
    out: Path, annotator: str, checker: AnswerChecker, n_replies: int = 10**9
) -> tuple[Report, list[Request]]:
    """Do or go on with a run; its report and everything that the models were asked now."""
    asked: list[Request] = []
    budget = [n_replies]

    def load(config: ModelConfig) -> Generator:
        script: Callable[[Request], str] = {"policy": policy, "judge": judge}[config.model]
        inner = ScriptedGenerator(script, release=40, shuffle_seed=1, model_id=config.model)
        inner.requests = asked
        return Dying(inner, budget)

    with RunFolder.open(out, recipe(annotator)) as folder:
        return run_recipe(Run(recipe(annotator), folder, load, checker)), asked


@pytest.fixture(scope="module")
def verified(
    tmp_path_factory: pytest.TempPathFactory, checker: AnswerChecker
) -> tuple[Path, Report, list[Request]]:
    out = tmp_path_factory.mktemp("verified")
    return (out, *run(out, "verify", checker))


def test_verification_keeps_what_exhaustive_annotation_and_the_filter_keep(
    verified: tuple[Path, Report, list[Request]], tmp_path: Path, checker: AnswerChecker
) -> None:
    out, report, _ = verified
    full, _ = run(tmp_path, "exhaustive", checker)
    kept, expected = (
        read_records(folder / "consensus.parquet", LabelledSolution) for folder in (out, tmp_path)
    )
    assert kept == expected
    assert len({row.labels[-1] for row in kept}) == 2  # of both kinds
    assert report.kept == full.kept
    assert report.cost["rollouts"].n_calls < full.cost["rollouts"].n_calls / 2


def test_every_solution_is_kept_or_dropped_with_reason_and_evidence(
    verified: tuple[Path, Report, list[Request]],
) -> None:
    out, report, _ = verified
    mc = read_records(out / "rollouts.parquet", McAnnotation)
    judged = read_records(out / "judge.train.parquet", JudgeAnnotation)
    dropped = read_records(out / "dropped.parquet", Dropped)
    counts = report.counts["consensus"]
    assert counts["in"] == len(mc) == counts["kept"] + len(dropped)
    assert counts["kept"] == sum(row.verification == "verified" for row in mc)
    n_unreadable = sum(bool(row.unscored) for row in judged)
    assert counts["judge_unscored"] == n_unreadable > 0
    assert counts["refuted"] > 0
    assert all("mc, step" in row.evidence for row in dropped if row.reason == "refuted")
    assert set(report.labels) == {"judge", "consensus"}  # Monte Carlo has no labels of its own


@pytest.mark.parametrize("n_replies", [70, 140, 200])
def test_interrupted_anywhere_and_resumed_the_report_is_equal_and_nothing_is_paid_twice(
    verified: tuple[Path, Report, list[Request]],
    tmp_path: Path,
    checker: AnswerChecker,
    n_replies: int,
) -> None:
    out, _, all_asked = verified
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "verify", checker, n_replies)
    _, after = run(tmp_path, "verify", checker)
    assert (tmp_path / REPORT).read_bytes() == (out / REPORT).read_bytes()
    assert len(after) < len(all_asked)


def test_problems_are_those_of_the_scripts() -> None:
    problems: list[Problem] = make_parts(3, PARTS)["train"]
    assert all(p.question in GOLD for p in problems)


def test_the_report_says_what_a_kept_label_cost_and_what_it_must_cost(
    verified: tuple[Path, Report, list[Request]],
) -> None:
    out, report, asked = verified
    cost = report.label_cost
    assert cost is not None
    mc = read_records(out / "rollouts.parquet", McAnnotation)
    judged = read_records(out / "judge.train.parquet", JudgeAnnotation)
    n_kept = report.counts["consensus"]["kept"]
    usages = [*(row.usage for row in mc), *(row.usage for row in judged)]
    generated = sum(usage.generated_tokens for usage in usages)
    assert cost.n_kept_solutions == n_kept
    kept = cost.per["kept solution"]
    assert kept["generated_tokens"].value == pytest.approx(generated / n_kept)
    assert kept["generated_tokens"].low < generated / n_kept < kept["generated_tokens"].high
    assert "operations" not in kept  # nobody knows how large a scripted model is
    assert [(row.work, row.model, row.n_calls) for row in cost.models] == [
        ("rollouts", "policy", sum(row.usage.n_calls for row in mc)),
        ("judge", "judge", len(judged)),
    ]
    n_rollouts = sum(bool(r.prefix) for r in asked)
    assert cost.n_draws == n_rollouts >= cost.n_certificate_draws > 0
    ratio = cost.draws_over_certificate
    assert ratio is not None
    assert ratio.value == pytest.approx(cost.n_draws / cost.n_certificate_draws)
    verified_steps = [row for row in mc if row.verification == "verified"]
    assert cost.n_labelled_solutions >= len(verified_steps)
