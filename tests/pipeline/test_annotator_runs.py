"""`prm run` with every annotator, on scripted models: killed and resumed, and what trees add."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_run import run

from prmkit.answers.equivalence import AnswerChecker
from prmkit.pipeline.run import REPORT
from prmkit.records import (
    JudgeAnnotation,
    McAnnotation,
    OracleAnnotation,
    Outcome,
    Solution,
)
from prmkit.store import read_records
from prmkit.store.stored_run import read_run

ANNOTATORS = ("exhaustive", "sequential", "verify", "bisection", "adaptive", "tree")


@pytest.fixture(scope="module")
def checker() -> Iterator[AnswerChecker]:
    with AnswerChecker() as started:
        yield started


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, checker: AnswerChecker
) -> dict[str, tuple[Path, int]]:
    """Runs that nobody interrupts, and how many replies each paid for, by annotator."""
    runs: dict[str, tuple[Path, int]] = {}
    for annotator in ANNOTATORS:
        out, paid = tmp_path_factory.mktemp(annotator), Counter[str]()
        run(out, annotator, checker, paid=paid)
        assert set(paid.values()) == {1}
        runs[annotator] = out, paid.total()
    return runs


@pytest.mark.parametrize("share", [0.45, 0.7, 0.95])
@pytest.mark.parametrize("annotator", ANNOTATORS)
def test_interrupted_anywhere_and_resumed_the_report_is_equal_and_nothing_is_paid_twice(
    whole: dict[str, tuple[Path, int]],
    tmp_path: Path,
    checker: AnswerChecker,
    annotator: str,
    share: float,
) -> None:
    out, n_replies = whole[annotator]
    paid = Counter[str]()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, annotator, checker, int(share * n_replies), paid)
    run(tmp_path, annotator, checker, paid=paid)
    assert (tmp_path / REPORT).read_bytes() == (out / REPORT).read_bytes()
    assert set(paid.values()) == {1}
    assert paid.total() == n_replies


def test_a_tree_s_new_solutions_are_judged_filtered_counted_and_found_in_the_folder(
    whole: dict[str, tuple[Path, int]],
) -> None:
    out, _ = whole["tree"]
    stored = read_run(out)
    grown = stored.solutions["grown"]
    assert grown
    assert all(s.outcome is Outcome.INCORRECT for s in grown)
    ids = {s.solution_id for s in grown}
    for table, row_type in (
        ("rollouts", McAnnotation),
        ("judge.train", JudgeAnnotation),
        ("truth.train", OracleAnnotation),
    ):
        assert ids <= {row.solution_id for row in read_records(out / f"{table}.parquet", row_type)}
    counts = stored.report["counts"]
    n_given = len(stored.mc) - len(grown)
    assert counts["rollouts"]["grown"] == len(grown) <= 2 * n_given
    assert counts["consensus"]["in"] == len(stored.mc)
    written = {s.solution_id: s for s in (*stored.solutions["train"], *grown)}
    texts = [(s.problem_id, s.steps) for row in stored.mc for s in [written[row.solution_id]]]
    assert len(set(texts)) == len(texts)


def test_a_tree_labels_the_given_solutions_as_stopping_early_does(
    whole: dict[str, tuple[Path, int]],
) -> None:
    tree, sequential = (
        {r.solution_id: r for r in read_records(whole[name][0] / "rollouts.parquet", McAnnotation)}
        for name in ("tree", "sequential")
    )
    # a state that two given solutions share is drawn from once, so there the draws differ
    same = [tree[i].first_error == row.first_error for i, row in sequential.items()]
    assert sum(same) > 0.8 * len(same)


def test_solutions_of_before_the_tree_have_no_part_of_their_own(
    whole: dict[str, tuple[Path, int]],
) -> None:
    assert not read_run(whole["sequential"][0]).solutions["grown"]
    assert not (whole["sequential"][0] / "solutions.grown.parquet").exists()
    assert all(isinstance(s, Solution) for s in read_run(whole["tree"][0]).solutions["grown"])
