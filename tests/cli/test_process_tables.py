"""What is printed of first errors: thresholds, degenerate systems, what is told apart."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from run_prm import Prm

from prmkit.evaluation.published import SIZES

Row = dict[str, Any]
WORDS = ("evaluate", "processbench")


def case(name: str, label: int, *, right: bool | None = None) -> Row:
    return {
        "id": name,
        "generator": "m",
        "problem": f"{name}?",
        "steps": ["s"] * 3,
        "final_answer_correct": label == -1 if right is None else right,
        "label": label,
    }


# twelve wrong solutions and twelve right ones a subset
CASES = [case(f"{s}-{i}", i % 3 if i < 12 else -1) for s in ("gsm8k", "math") for i in range(24)]


def write(path: Path, rows: list[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def said(path: Path, predict: Callable[[Row], int], cases: list[Row] = CASES) -> Path:
    return write(path, [{"id": c["id"], "prediction": predict(c)} for c in cases])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "cases.jsonl", CASES)


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """A wrong step scores 0.2 in gsm8k and 0.6 in math, any other 0.9."""
    low = {"gsm8k": 0.2, "math": 0.6}
    rows = [
        {"id": c["id"], "scores": [low[c["id"].split("-")[0]] if i == c["label"] else 0.9
                                   for i in range(3)]}
        for c in CASES
    ]  # fmt: skip
    return write(tmp_path / "scores.jsonl", rows)


def shown(prm: Prm, *arguments: object) -> str:
    done = prm(*WORDS, "--resamples", 100, *arguments)
    assert done.code == 0, done.err
    return " ".join(done.out.split())


def test_a_fixed_threshold_stands_beside_what_the_best_would_give(
    prm: Prm, data: Path, scores: Path
) -> None:
    words = shown(prm, "--data", data, "--scores", scores)
    assert "Threshold 0.5, fixed beforehand." in words
    # in math no step scores below 0.5: error accuracy 0; at 0.75 both subsets are perfect
    assert "the mean F1 would be 100.0 (gsm8k 100.0 at 0.55, math 100.0 at 0.75)" in words


def test_figures_that_a_threshold_was_tuned_on_are_named(
    prm: Prm, data: Path, scores: Path
) -> None:
    words = shown(prm, "--data", data, "--scores", scores, "--choose-on", "gsm8k")
    assert "chosen on subset gsm8k of the same data, F1 there 100.0." in words
    assert "The figures of gsm8k were tuned on it; the mean F1 of the others is 0.0" in words


def test_a_system_that_never_calls_an_error_is_not_ranked(
    prm: Prm, data: Path, tmp_path: Path
) -> None:
    never = said(tmp_path / "never.jsonl", lambda _: -1)
    good = said(tmp_path / "good.jsonl", lambda c: c["label"])
    words = shown(prm, "--data", data, "--predictions", never, "--predictions", good)
    assert "never is degenerate: it never calls an error." in words
    assert "never not ranked, degenerate (never minus good: -100.0 [-100.0, -100.0] points" in words


def test_a_difference_is_resolved_in_either_order(prm: Prm, data: Path, tmp_path: Path) -> None:
    good = said(tmp_path / "good.jsonl", lambda c: c["label"])
    # a third of the errors placed, three right solutions in four cleared
    bad = said(tmp_path / "bad.jsonl", lambda c: int(c["id"][-1]) % 4 - 1 if c["label"] < 0 else 0)
    for a, b in ((good, bad), (bad, good)):
        words = shown(prm, "--data", data, "--predictions", a, "--predictions", b)
        assert f"good beats bad ({a.stem} minus {b.stem}: " in words


def test_equal_systems_are_not_told_apart_by_any_number_of_cases(
    prm: Prm, data: Path, tmp_path: Path
) -> None:
    good, same = (
        said(tmp_path / f"{name}.jsonl", lambda c: max(c["label"], -1)) for name in ("a", "b")
    )
    words = shown(prm, "--data", data, "--predictions", good, "--predictions", same)
    assert "a and b are not told apart" in words
    assert "no number would resolve a difference of this size" in words


def test_two_solutions_of_a_problem_are_no_independent_cases_to_test(
    prm: Prm, tmp_path: Path
) -> None:
    cases = [case(f"math-{i}", -1 if i % 2 else 0) | {"problem": f"{i // 2}?"} for i in range(8)]
    data = write(tmp_path / "cases.jsonl", cases)
    a = said(tmp_path / "a.jsonl", lambda c: c["label"], cases)
    b = said(tmp_path / "b.jsonl", lambda c: 0 if c["id"] in {"math-1", "math-2"} else -1, cases)
    words = shown(prm, "--data", data, "--predictions", a, "--predictions", b)
    assert "a minus b: " in words
    assert "McNemar" not in words


def test_right_answers_with_a_wrong_process_have_a_table(prm: Prm, tmp_path: Path) -> None:
    cases = [*CASES, case("math-90", 1, right=True), case("math-91", 2, right=True)]
    data = write(tmp_path / "cases.jsonl", cases)
    place = said(tmp_path / "p.jsonl", lambda c: min(c["label"], 1), cases)
    words = shown(prm, "--data", data, "--predictions", place)
    assert "right answer, wrong process: is the error placed?" in words
    assert "all of them │ 2 │ 50.0 [0.0, 100.0]" in words


def test_only_a_whole_benchmark_stands_among_the_published(
    prm: Prm, data: Path, tmp_path: Path
) -> None:
    good = said(tmp_path / "good.jsonl", lambda c: c["label"])
    words = shown(prm, "--data", data, "--predictions", good, "--published")
    assert words.endswith("theirs is not the whole benchmark.")
    whole = [
        case(f"{subset}-{i}", 0 if i < n_error else -1)
        for subset, (n_error, n_correct) in SIZES.items()
        for i in range(n_error + n_correct)
    ]
    predicted = said(tmp_path / "own.jsonl", lambda c: c["label"], whole)
    everything = write(tmp_path / "whole.jsonl", whole)
    words = shown(prm, "--data", everything, "--predictions", predicted, "--published")
    assert "> own │ 100.0 │ 100.0 │ 100.0 │ 100.0 │ 100.0 │ this evaluation" in words
    assert "Qwen2.5-Math-PRM-7B" in words


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nothing to evaluate: give --predictions FILE, --prm DIR or --critic"),
        (("--scores", "S", "--save", "x"), "--save: keeps the outputs of one --prm or --critic"),
        (
            ("--scores", "S", "--choose-on", "gsm8k", "--validation", "D"),
            "--choose-on and --validation: give one of the two",
        ),
        (
            ("--scores", "S", "--validation-scores", "S"),
            "--validation-scores needs --validation, the cases that they score",
        ),
        (
            ("--scores", "a=S", "--scores", "b=S", "--validation", "D", "--validation-scores", "S"),
            "--validation-scores are of one system, but several are evaluated",
        ),
    ],
)
def test_options_that_do_not_fit_are_one_line(
    prm: Prm, data: Path, scores: Path, options: tuple[str, ...], message: str
) -> None:
    files = {"S": scores, "D": data, "a=S": f"a={scores}", "b=S": f"b={scores}"}
    done = prm(*WORDS, "--data", data, *(files.get(word, word) for word in options))
    assert (done.code, done.err) == (1, f"error: {message}\n")
