r"""Grade answers: `AnswerChecker` against math-verify with its own time-outs in a process pool.

Three sets of pairs, read from a folder of public data files (docs/benchmarks.md): the answers of
GSM8K and MATH solvers with their references (`mix`), of OlympiadBench solvers (`olympiad`), and the
test cases of published graders (`cases`). Any other set can be given as for `prm grade`.

    python benchmarks/grade.py --data DIR [--rounds 3] [--workers 2] [--sets mix,olympiad,cases]
    python benchmarks/grade.py --pairs FILE.jsonl

Both sides use the same number of processes, started and warmed before the clock starts; ours with
an empty cache. The rival is called as its documentation says, `verify(parse(gold), parse(answer))`
with the default time-outs of 5 s each. A first, untimed pass finds the pairs on which both agree;
those are timed. Each round runs both, in turn, so that a busy machine slows them alike. CPU time is
that of all processes (Linux). `--hostile` instead times single pairs that are made to hang.
"""

import argparse
import gzip
import json
import logging
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Process
from pathlib import Path
from typing import Any, NamedTuple

from prmkit.answers.equivalence import AnswerChecker
from prmkit.answers.extract import extract_answer

BATCH = 2048
CHUNK = 32
HOSTILE = {
    "9^{9^{9^9}}": ("9^{9^{9^9}}", "5+x"),
    "100 kB of digits": ("9" * 100_000, "9"),
    "10,000 nested braces": ("{" * 10_000 + "9" + "}" * 10_000, "9"),
    r"200 nested \frac": (r"\frac{1}{1+" * 200 + "2" + "}" * 200, "1"),
    "a long sum of roots": ("+".join(rf"\sqrt{{{n}}}" for n in range(2, 60)), "100+x^2"),
}
PATIENCE_S = 30.0
WARM_UP = [
    ("2x > 3y", "3y < 2x"),
    ("10 + 3 pears", "4+x"),
    (r"\sin(2x)", r"2\sin x\cos x"),
    (r"x \in (1,\infty)", r"(1,\infty)"),
    (r"\lfloor \frac{n}{2} \rfloor", "n, 1"),
]


class Case(NamedTuple):
    """One pair; the answer is None where a solution states none."""

    answer: str | None
    reference: str
    solution: str | None = None
    """The whole text, where the answer is to be extracted first."""


class Timing(NamedTuple):
    """What one pass took."""

    wall_s: float
    cpu_s: float


def rival_verdict(case: Case) -> bool:
    """Math-verify's own way, time-outs included; a bare answer is put between dollar signs."""
    from math_verify import parse, verify

    logging.disable(logging.CRITICAL)
    answer = case.solution if case.solution is not None else _in_dollars(case.answer or "")
    return bool(verify(parse(_in_dollars(case.reference)), parse(answer)))


def _in_dollars(text: str) -> str:
    bare = text.replace(r"\$", "").replace("$", "")
    return text if r"\boxed" in text else f"${bare}$"


def our_verdicts(cases: Sequence[Case], checker: AnswerChecker) -> list[bool | None]:
    """True, False, or None where unscored."""
    verdicts: list[bool | None] = []
    for start in range(0, len(cases), BATCH):
        pairs = [
            (c.answer if c.solution is None else extract_answer(c.solution), c.reference)
            for c in cases[start : start + BATCH]
        ]
        outcomes = [check.outcome.value for check in checker.check_many(pairs)]
        verdicts += [{"correct": True, "incorrect": False}.get(outcome) for outcome in outcomes]
    return verdicts


def run_ours(cases: Sequence[Case], workers: int) -> tuple[list[bool | None], Timing]:
    """One pass with a fresh checker."""
    with AnswerChecker(workers=workers) as checker:
        for _ in range(4):
            checker.check_many(WARM_UP * workers)
        return _timed(lambda: our_verdicts(cases, checker))


def run_rival(cases: Sequence[Case], workers: int) -> tuple[list[bool | None], Timing]:
    """One pass with a fresh pool."""
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(rival_verdict, [Case(*pair) for pair in WARM_UP] * 4 * workers))
        return _timed(lambda: list(pool.map(rival_verdict, cases, chunksize=CHUNK)))


def _timed(work: Callable[[], list[Any]]) -> tuple[list[Any], Timing]:
    cpu, wall = _cpu_s(os.getpid()), time.monotonic()
    found = work()
    return found, Timing(time.monotonic() - wall, _cpu_s(os.getpid()) - cpu)


def _cpu_s(root: int) -> float:
    """Processor seconds of a process, its living descendants, and the dead ones they waited for."""
    parents, seconds = {}, {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(entry.parent.name)
        parents[pid] = int(fields[1])
        seconds[pid] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return sum(s for pid, s in seconds.items() if root in _ancestry(pid, parents))


def _ancestry(pid: int, parents: dict[int, int]) -> Iterator[int]:
    while pid in parents:
        yield pid
        pid = parents[pid]


def compare(name: str, cases: list[Case], arguments: argparse.Namespace) -> None:
    """Print agreement, then rates and ratios over the rounds."""
    ours, _ = run_ours(cases, arguments.workers)
    theirs, _ = run_rival(cases, arguments.workers)
    agreed = [c for c, a, b in zip(cases, ours, theirs, strict=True) if a is b]
    print(f"\n{name}: {len(cases):,} pairs, {len(agreed):,} with equal verdicts")
    for case, a, b in zip(cases, ours, theirs, strict=True):
        if a is not b and arguments.show:
            answer = case.answer if case.solution is None else extract_answer(case.solution)
            print(f"  ours {a}, theirs {b}: {answer!r} for {case.reference!r}")
    timings: dict[str, list[Timing]] = {"ours": [], "math-verify": []}
    for _ in range(arguments.rounds):
        timings["ours"].append(run_ours(agreed, arguments.workers)[1])
        timings["math-verify"].append(run_rival(agreed, arguments.workers)[1])
    for engine, passes in timings.items():
        cpu, wall = (
            statistics.median(getattr(t, f"{k}_s") for t in passes) for k in ("cpu", "wall")
        )
        n = len(agreed)
        print(f"  {engine:12} {n / cpu:10,.0f} pairs/CPU s {n / wall:10,.0f} pairs/s by the clock")
    for kind in ("cpu_s", "wall_s"):
        ratios = sorted(
            getattr(b, kind) / getattr(a, kind)
            for a, b in zip(timings["ours"], timings["math-verify"], strict=True)
        )
        low, middle, high = ratios[0], statistics.median(ratios), ratios[-1]
        print(f"  {kind[:-2]:4} time, theirs / ours: {middle:.1f} ({low:.1f} to {high:.1f})")


def hostile(workers: int) -> None:
    """Print the seconds that each hostile pair takes; the rival's process is killed at a limit."""
    for name, (answer, reference) in HOSTILE.items():
        with AnswerChecker(workers=workers) as checker:
            checker.check(*WARM_UP[0])
            started = time.monotonic()
            check = checker.check(answer, reference)
            ours = time.monotonic() - started
        rival = Process(target=rival_verdict, args=(Case(answer, reference),))
        started = time.monotonic()
        rival.start()
        rival.join(PATIENCE_S)
        theirs = f"{time.monotonic() - started:.1f} s" if rival.exitcode is not None else "no end"
        if rival.exitcode not in (0, None):
            theirs += f", exit {rival.exitcode}"
        rival.kill()
        rival.join()
        print(f"{name:22} ours {ours:5.2f} s ({check.outcome.value}), theirs {theirs}")


def real_sets(data: Path) -> dict[str, list[Case]]:
    """The three sets, from a folder laid out as docs/benchmarks.md says."""
    return {
        "mix": [*_gsm8k_samples(data), *_solutions(data, "gsm8k"), *_solutions(data, "math")],
        "olympiad": list(_solutions(data, "olympiadbench")),
        "cases": list(_cases(_rows(data / "grading" / "pairs_dev.jsonl"))),
    }


def _gsm8k_samples(data: Path) -> Iterator[Case]:
    """Four models' answers to the 1,319 test problems of GSM8K, after the last `A:`."""
    for row in _rows(data / "best_of_n" / "gsm8k_openai_example_model_solutions.jsonl.gz"):
        reference = row["ground_truth"].rpartition("A: ")[2]
        for value in row.values():
            if isinstance(value, dict):
                yield Case(value["solution"].rpartition("A: ")[2], reference)


def _solutions(data: Path, subset: str) -> Iterator[Case]:
    """ProcessBench's solutions of a subset whose problems' references are at hand."""
    references = dict(_references(data, subset))
    for row in json.loads((data / "processbench" / f"{subset}.json").read_text("utf-8")):
        steps = row["steps"]
        solution = steps if isinstance(steps, str) else "\n\n".join(steps)
        reference = references.get(row["problem"].strip())
        if reference:
            yield Case(extract_answer(solution), reference)


def _references(data: Path, subset: str) -> Iterator[tuple[str, str | None]]:
    folder = data / "problems"
    if subset == "gsm8k":
        for name in ("gsm8k_test.jsonl", "gsm8k_train.jsonl.gz"):
            for row in _rows(folder / name):
                yield row["question"].strip(), row["answer"].rpartition("####")[2].strip()
    elif subset == "math":
        for row in _rows(folder / "math_test_5000.jsonl.gz"):
            yield row["problem"].strip(), extract_answer(row["solution"])
    else:
        for row in _rows(folder / "olympiadbench.jsonl.gz"):
            yield row["question"].strip(), ", ".join(row["final_answer"])


def _cases(rows: list[dict[str, Any]]) -> Iterator[Case]:
    for row in rows:
        answer = row.get("answer", row.get("prediction"))
        whole = answer if row.get("kind") == "text" else None
        yield Case(answer, row["reference"], whole)


def _rows(path: Path) -> list[dict[str, Any]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in content.split(b"\n") if line.strip()]


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    default = os.environ.get("PRMKIT_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--pairs", type=Path, help="grade this file instead")
    parser.add_argument("--sets", default="mix,olympiad,cases")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--show", action="store_true", help="print pairs with unequal verdicts")
    parser.add_argument("--hostile", action="store_true")
    arguments = parser.parse_args()
    if arguments.hostile:
        hostile(arguments.workers)
        return
    sets = (
        {arguments.pairs.name: list(_cases(_rows(arguments.pairs)))}
        if arguments.pairs
        else real_sets(arguments.data)
    )
    for name, cases in sets.items():
        if arguments.pairs or name in arguments.sets.split(","):
            compare(name, cases, arguments)


if __name__ == "__main__":
    main()
