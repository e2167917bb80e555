"""The tables and figures of a stored run, where parts of it are missing or strange."""

from dataclasses import replace

import pytest

from prmkit.records import Estimate, GivenLabel
from prmkit.report import stored
from prmkit.report.training import training_table
from prmkit.store import StoredRun

E = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9, "method": "made"}


def with_report(run: StoredRun, **found: object) -> StoredRun:
    return replace(run, report={**run.report, **found})


def given_label(solution_id: str, first_error: int | None, unscored: str = "") -> GivenLabel:
    return GivenLabel(
        solution_id=solution_id, first_error=first_error, unscored=unscored, source="human"
    )


def test_given_labels_are_compared_where_both_sides_decided(made: StoredRun) -> None:
    assert stored.given_table(made) is None
    first, second, third = made.mc[:3]
    given = [
        given_label(first.solution_id, first.first_error),
        # off by one, or an error where Monte Carlo sees none
        given_label(
            second.solution_id, 0 if second.first_error is None else second.first_error + 1
        ),
        given_label(third.solution_id, None, "not given"),
    ]
    table = stored.given_table(replace(made, given=given))
    assert table is not None
    (name, same), *_ = table.rows
    assert name == "the same"
    assert isinstance(same, Estimate)
    assert (same.value, same.n, same.n_unscored) == (0.5, 2, 1)
    assert stored.given_table(replace(made, given=given[2:])) is None


def test_a_split_without_both_kinds_has_no_point_and_a_system_no_mean(made: StoredRun) -> None:
    row = {"system": "mc", "splits": {"easy": {"f1": E}, "hard": {"f1": None}}, "mean_f1": None}
    (figure,) = stored.process_figures(with_report(made, processbench=[row]))
    (series,) = figure.series
    assert [point.x for point in series.points] == ["easy"]


def test_an_n_whose_share_is_unknown_is_left_out_of_its_curve(made: StoredRun) -> None:
    run = with_report(made, best_of_n_by_size={"maj": [E, None, E]})
    figure, *_ = stored.size_figures(run)
    assert [point.x for point in figure.series[0].points] == [1.0, 3.0]


def test_a_run_that_has_spent_nothing_has_no_table_of_costs(made: StoredRun) -> None:
    assert stored.cost_table(replace(made, report={}, timing={})) is None
    table = stored.cost_table(replace(made, report={}, timing={"problems": {"seconds": 1.0}}))
    assert table is not None
    assert [row[0] for row in table.rows] == ["problems"]


def test_every_kind_of_amount_is_shown_in_words(made: StoredRun) -> None:
    amounts = {
        "share": E,
        "large": 1234.4,
        "small": 0.00012345,
        "exact": True,
        "unknown": None,
        "list": [1, 2, 3],
        "count": 7,
    }
    table = stored.cost_table(with_report(replace(made, timing={}), cost={"rollouts": amounts}))
    assert table is not None
    (row,) = table.rows
    cells = dict(zip((c.name for c in table.columns), row, strict=True))
    assert isinstance(cells["share"], Estimate)
    assert (cells["large"], cells["small"]) == ("1,234", "0.000123")
    assert (cells["exact"], cells["unknown"], cells["list"]) == ("true", None, "3 values")
    assert cells["count"] == 7


def test_a_run_without_training_has_no_table_of_it(made: StoredRun) -> None:
    assert training_table(replace(made, training={})) is None


@pytest.mark.parametrize("name", ["best_of_n", "best_of_n_splits"])
def test_without_best_of_n_there_is_no_table_of_it(made: StoredRun, name: str) -> None:
    found = stored.best_of_n_table(with_report(made, **{name: {}}))
    assert (found is None) == (name == "best_of_n")
