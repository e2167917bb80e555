"""ProcessBench's figures with intervals, against the same bootstrap drawn case by case.

    python benchmarks/evaluate.py [--cases 3400] [--resamples 10000] [--loop-resamples 20]

The rival is what is usually written: for each draw, resample the problems of each subset with
numpy and compute the official script's figures again. It is timed on fewer draws and reckoned up,
and draws problems just as ours does, so that both intervals must agree.
"""

import argparse
import random
import time
from collections import defaultdict

import numpy as np

from prmkit.evaluation.processbench import ProcessCase, evaluate

SUBSETS = {"gsm8k": 0.118, "math": 0.294, "olympiadbench": 0.294, "omnimath": 0.294}


def make_cases(n: int, rng: random.Random) -> list[ProcessCase]:
    cases: list[ProcessCase] = []
    for subset, share in SUBSETS.items():
        for index in range(round(n * share)):
            truth = rng.choice([None, None, 0, 1, 2, 3])
            said = truth if rng.random() < 0.6 else rng.choice([None, 0, 1, 2])
            problem = f"{subset}/{rng.randrange(round(n * share * 0.8))}"
            cases.append(ProcessCase(f"{subset}-{index}", problem, subset, truth, said))
    return cases


def by_loop(cases: list[ProcessCase], resamples: int) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    subsets: dict[str, dict[str, list[ProcessCase]]] = defaultdict(lambda: defaultdict(list))
    for case in cases:
        subsets[case.subset][case.problem_id].append(case)
    problems = [list(of_subset.values()) for of_subset in subsets.values()]
    means = [
        np.mean(
            [_f1([c for i in rng.integers(len(g), size=len(g)) for c in g[i]]) for g in problems]
        )
        for _ in range(resamples)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _f1(cases: list[ProcessCase]) -> float:
    error = np.mean([c.predicted == c.first_error for c in cases if c.first_error is not None])
    correct = np.mean([c.predicted is None for c in cases if c.first_error is None])
    return float(2 * error * correct / (error + correct))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=3400)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--loop-resamples", type=int, default=20)
    options = parser.parse_args()
    cases = make_cases(options.cases, random.Random(0))
    wall, cpu = time.perf_counter(), time.process_time()
    ours = evaluate(cases, seed=0, resamples=options.resamples)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    start = time.process_time()
    low, high = by_loop(cases, options.loop_resamples)
    loop = (time.process_time() - start) * options.resamples / options.loop_resamples
    print(f"{len(cases):,} cases, {options.resamples:,} resamples, 13 figures with intervals")
    print(f"ours: {cpu:.2f} CPU s ({wall:.2f} s), mean F1 {ours.mean_f1.value:.4f}")
    print(f"  interval {ours.mean_f1.low:.4f} to {ours.mean_f1.high:.4f}")
    print(f"a loop over draws: {loop:.0f} CPU s reckoned from {options.loop_resamples} draws,")
    print(f"  interval {low:.4f} to {high:.4f}; ratio {loop / cpu:,.0f}")


if __name__ == "__main__":
    main()
