import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prmkit.answers.equivalence import MAX_CHARS, AnswerChecker
from prmkit.answers.extract import extract_answer
from prmkit.answers.workers import Pair, WorkerPool
from prmkit.records import Outcome

HANGS = "9^{9^{9^9}}"
LIMIT_S = 1.0


@pytest.fixture(scope="module")
def checker() -> Iterator[AnswerChecker]:
    with AnswerChecker(timeout_s=LIMIT_S, workers=2) as checker:
        yield checker


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("0.333333", r"\frac{1}{3}"),
        (r"\sin(2x)", r"2\sin x\cos x"),
        (r"\sqrt{8x^2}", r"2\sqrt{2}|x|"),
        ("t+t", "2t"),
        ("{3, 1, 2}", "1,2,3"),
        ("2x > 3y", "3y < 2x"),
        (r"[-2, 7]", r"x \in [-2,7]"),
        (r"\begin{bmatrix}1 & |-2|\end{bmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}"),
    ],
)
def test_algebra_decides_what_the_exact_rules_leave(
    checker: AnswerChecker, answer: str, reference: str
) -> None:
    check = checker.check(answer, reference)
    assert (check.outcome, check.method) == (Outcome.CORRECT, "math_verify")


@pytest.mark.parametrize(
    ("answer", "reference"),
    [("2x > 5y", "6y < 2x"), ("[0,9)", "(0,9)"), (r"\sin^2 x", r"\cos x^2")],
)
def test_algebra_tells_apart(checker: AnswerChecker, answer: str, reference: str) -> None:
    check = checker.check(answer, reference)
    assert (check.outcome, check.method) == (Outcome.INCORRECT, "math_verify")


@pytest.mark.parametrize("answer", [None, "", "  ", "$$"])
def test_a_missing_answer_is_incorrect_not_unscored(
    checker: AnswerChecker, answer: str | None
) -> None:
    check = checker.check(answer, "5")
    assert (check.outcome, check.reason, check.method) == (
        Outcome.INCORRECT,
        "no answer",
        "missing",
    )


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("9" * 100_000, "9"),
        ("{" * 10_000 + "9" + "}" * 10_000, "9"),
        ("(" * 500 + "9" + ")" * 500, "9"),
        ("9", "8" * (MAX_CHARS + 1)),
    ],
)
def test_too_long_or_too_deep_is_unscored_at_once(answer: str, reference: str) -> None:
    with AnswerChecker() as fresh:
        check = fresh.check(answer, reference)
        assert fresh.worker_pids == []
    assert (check.outcome, check.method) == (Outcome.UNSCORED, "limit")
    assert "more than" in check.reason or "deeper than" in check.reason


def test_certain_pairs_start_no_worker() -> None:
    with AnswerChecker() as fresh:
        checks = fresh.check_many([("5", "5.0"), ("6", "5"), ("A", "B"), (None, "5")])
        assert fresh.worker_pids == []
    assert [c.outcome.value for c in checks] == ["correct", "incorrect", "incorrect", "incorrect"]


def test_a_hanging_pair_is_unscored_and_the_others_are_not_touched(checker: AnswerChecker) -> None:
    before = checker.check("2y > 3x", "3x < 2y")
    pairs = [
        (HANGS, "5+x"),
        ("3x > 2y", "2y < 3x"),
        ("3x > 2y", "3y < 3x"),
        (HANGS, "6+x"),
        ("3u<2v", "2v>3u"),
    ]
    checks = checker.check_many(pairs)
    assert before.outcome is Outcome.CORRECT
    assert [c.outcome.value for c in checks] == [
        "unscored",
        "correct",
        "incorrect",
        "unscored",
        "correct",
    ]
    assert "no result within 1 s of processor time" in checks[0].reason
    assert checker.check("7x > 3y", "3y < 7x").outcome is Outcome.CORRECT


def test_an_answer_seen_before_is_not_compared_again(checker: AnswerChecker) -> None:
    first = checker.check(HANGS, "5+x")
    started = time.monotonic()
    assert checker.check(HANGS, "5+x") == first
    assert time.monotonic() - started < LIMIT_S / 2


def test_a_killed_worker_is_replaced(checker: AnswerChecker) -> None:
    killed = _pids_of_both_workers(checker)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    # What is in work when a worker dies is unscored; the next call finds new workers.
    checker.check_many([(f"3x > {n}y", f"{n}y < 3x") for n in range(2, 6)])
    checks = checker.check_many([(f"3y > {n}x", f"{n}x < 3y") for n in range(2, 6)])
    assert {c.outcome for c in checks} == {Outcome.CORRECT}
    assert not set(killed) & set(checker.worker_pids)


def test_both_workers_are_at_work_at_once_and_die_with_only_their_own_pairs() -> None:
    with AnswerChecker(timeout_s=60.0, workers=2) as fresh:
        pids = _pids_of_both_workers(fresh)
        for pid in pids:
            threading.Timer(1.0, os.kill, (pid, signal.SIGKILL)).start()
        # Were they done one after the other, the second would now take its 60 seconds.
        checks = fresh.check_many([(HANGS, "1+x"), (HANGS, "2+x"), ("3w > 2u", "2u < 3w")])
    assert [c.reason for c in checks] == ["worker died of SIGKILL"] * 2 + [""]
    assert [c.outcome.value for c in checks] == ["unscored", "unscored", "correct"]


def test_swallowed_memory_errors_are_unscored_not_incorrect() -> None:
    # A worker needs 65 MB by itself; 2^(10^8) has 12.5 MB and its product several times as much.
    pool = WorkerPool(workers=1, timeout_s=20.0, memory_bytes=100 << 20)
    try:
        huge, fine = pool.compare([Pair("2^{10^8}", "5+x"), Pair("z+z", "2z")])
    finally:
        pool.close()
    assert (huge.verdict, huge.reason) == ("unscored", "out of memory")
    assert fine.verdict == "equal"


def test_a_checker_works_in_a_thread(checker: AnswerChecker) -> None:
    outcomes: list[Outcome] = []
    threads = [
        threading.Thread(
            target=lambda n=n: outcomes.append(checker.check(f"z > {n}", f"{n} < z").outcome)
        )
        for n in (11, 12, 13)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [Outcome.CORRECT] * 3


def test_workers_end_with_a_parent_that_is_killed() -> None:
    program = (
        "import sys, time\n"
        "from prmkit.answers.equivalence import AnswerChecker\n"
        "checker = AnswerChecker(timeout_s=60)\n"
        "checker.check('2a > 3b', '3b < 2a')\n"
        "print(*checker.worker_pids, flush=True)\n"
        f"checker.check({HANGS!r}, '5+x')\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert pids
    assert not any(_alive(pid) for pid in pids)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="workers 0"):
        AnswerChecker(workers=0)
    with pytest.raises(ValueError, match=r"timeout_s 0\.0"):
        AnswerChecker(timeout_s=0.0)


def test_importing_the_checker_loads_no_algebra() -> None:
    program = (
        "import sys, prmkit.answers.equivalence\n"
        "print(sorted({'sympy', 'math_verify', 'torch'} & set(sys.modules)))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def _pids_of_both_workers(checker: AnswerChecker) -> list[int]:
    for n in range(2, 200):
        checker.check_many([(f"3p > {n}u", f"{n}u < 3p"), (f"3q > {n}u", f"{n}u < 3q")])
        if len(checker.worker_pids) == 2:
            break
    assert len(checker.worker_pids) == 2
    return checker.worker_pids


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _shared_pairs() -> Path:
    root = os.environ.get("PRMKIT_SHARED_DATA")
    base = Path(root) if root else Path(__file__).parents[3] / "shared" / "data"
    return base / "grading" / "pairs_dev.jsonl"


@pytest.mark.slow
def test_every_pair_that_known_graders_agree_on_is_graded_alike() -> None:
    path = _shared_pairs()
    if not path.is_file():
        pytest.skip(f"{path} is absent; set PRMKIT_SHARED_DATA")
    rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    rows = [row for row in rows if row["consensus"]]
    answers = [
        extract_answer(row["prediction"]) if row["kind"] == "text" else row["prediction"]
        for row in rows
    ]
    references = [row["reference"] for row in rows]
    with AnswerChecker(timeout_s=10.0) as fresh:
        checks = fresh.check_many(zip(answers, references, strict=True))
    expected = [Outcome.CORRECT if row["equal"] else Outcome.INCORRECT for row in rows]
    wrong = [
        (answer, reference, check)
        for answer, reference, check, right in zip(
            answers, references, checks, expected, strict=True
        )
        if check.outcome is not right
    ]
    assert wrong == []
