"""Best-of-N of a run at every N, against the table of all samples and worked problems."""

import pytest

from prmkit.evaluation.best_of_n import Sample, SampledProblem, best_of_n
from prmkit.evaluation.sizes import best_of_n_by_size
from prmkit.intervals import Bootstrap, wilson
from prmkit.records import Outcome, StepScores

AGGREGATES = {"product": lambda s: s[0] * s[-1], "last": lambda s: s[-1]}
HOW = Bootstrap(seed=0, resamples=200)


def problem(
    name: str, *samples: tuple[str, float | None]
) -> tuple[SampledProblem, list[StepScores]]:
    """Samples as `+4` (right, answers 4) or `-5` with one step score; None = not scored."""
    outcome = {"+": Outcome.CORRECT, "-": Outcome.INCORRECT}
    made = [Sample(f"{name}/{i}", outcome[w[0]], w[1:]) for i, (w, _) in enumerate(samples)]
    scores = [
        StepScores(
            solution_id=f"{name}/{i}",
            model="m",
            scores=() if score is None else (score,),
            unscored="too long" if score is None else "",
        )
        for i, (_, score) in enumerate(samples)
    ]
    return SampledProblem(name, made), scores


MADE = [
    problem("p", ("+4", 0.2), ("-5", 0.9), ("-5", 0.1)),
    problem("q", ("-1", 0.3), ("+2", 0.6), ("+2", None)),
]
PROBLEMS = [one for one, _ in MADE]
SCORES = {"m": {row.solution_id: row for _, rows in MADE for row in rows}}


def test_with_all_samples_the_figures_are_those_of_the_table() -> None:
    curves = best_of_n_by_size(PROBLEMS, SCORES, AGGREGATES, HOW)
    table = best_of_n(PROBLEMS, SCORES, AGGREGATES, seed=0, resamples=200)
    names = {"pass": "pass@3", "maj": "maj@3", "random": "random"}
    names |= {f"m {how}": f"m prm@3 {how}" for how in AGGREGATES}
    assert list(curves) == list(names)
    for curve, row in names.items():
        last = curves[curve][-1]
        assert last is not None
        assert last.value == pytest.approx(table.rows[row].value)


def test_each_n_is_the_mean_over_all_subsets() -> None:
    curves = best_of_n_by_size(PROBLEMS, SCORES, AGGREGATES, HOW)

    def values(name: str) -> list[float | None]:
        return [None if e is None else round(e.value, 9) for e in curves[name]]

    # p: 1/3, 2/3, 1; q: 2/3, 1, 1
    assert values("pass") == [0.5, round(5 / 6, 9), 1.0]
    # p: pairs 01 -> first wins a tie: 4, right; 02 -> 4, right; 12 -> 5; all -> 5
    # q: pairs 01 -> 1, wrong; 02 -> 1, wrong; 12 -> 2, right; all -> 2
    assert values("maj") == [0.5, round((2 / 3 + 1 / 3) / 2, 9), 0.5]
    # p: one of three; pairs 01 -> wrong, 02 -> right, 12 -> wrong; all -> wrong
    # q: 0 wrong, 1 right, 2 unscored; pairs 01 right, 02 wrong, 12 right; all right
    assert values("m last") == [round((1 / 3 + 1 / 2) / 2, 9), round((1 / 3 + 2 / 3) / 2, 9), 0.5]
    assert values("random") == [0.5, 0.5, 0.5]


def test_a_figure_of_all_or_none_has_a_width() -> None:
    whole = best_of_n_by_size(PROBLEMS, SCORES, AGGREGATES, HOW)["pass"][-1]
    assert whole is not None
    assert (whole.low, whole.high) == (wilson(2, 2).low, 1.0)


def test_without_problems_there_is_nothing() -> None:
    assert best_of_n_by_size([], {}, AGGREGATES, HOW) == {}
