"""`prm run` with `rollouts.annotator: verify`, on scripted models: all but the training."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_run import GOLD, PARTS, run

from prmkit.answers.equivalence import AnswerChecker
from prmkit.generators.base import Request
from prmkit.pipeline.findings import Report
from prmkit.records import Dropped, JudgeAnnotation, LabelledSolution, McAnnotation, Problem
from prmkit.store import read_records
from prmkit.synthetic.problems import make_parts


@pytest.fixture(scope="module")
def checker() -> Iterator[AnswerChecker]:
    with AnswerChecker() as started:
        yield started


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
