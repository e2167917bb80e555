"""The page's first screen: what it says and what it warns of."""

from dataclasses import replace
from typing import Any

from prmkit.report.summary import lead, tiles, warnings
from prmkit.report.words import duration
from prmkit.store import StoredRun


def with_recipe(run: StoredRun, **recipe: Any) -> StoredRun:
    changed = run.manifest.model_copy(update={"recipe": {**run.recipe, **recipe}})
    return replace(run, manifest=changed)


def test_rollouts_under_way_are_told_from_finished_ones(made: StoredRun) -> None:
    run = with_recipe(made, completer={"model": "m"})
    n = len(run.solutions["train"])
    said = f"{n} given solutions, labelled by Monte Carlo (at most 4 draws a step)"
    assert lead([run]) == f"{said}. No judge was asked and no PRM was trained."
    begun = replace(run, report={})
    assert lead([begun]) == f"{said}; the run is under way or was interrupted."


def test_imported_problems_are_not_called_the_synthetic_world(made: StoredRun) -> None:
    assert "sampled in the synthetic world" in lead([made])
    assert "sampled in imported data" in lead([with_recipe(made, problems={"source": "imported"})])


def test_a_run_of_other_code_or_of_code_that_was_not_committed_is_warned_of(
    made: StoredRun,
) -> None:
    (environment,) = made.manifest.environments
    clean = environment.model_copy(update={"dirty": False})
    run = replace(made, manifest=made.manifest.model_copy(update={"environments": (clean,)}))
    assert list(warnings([run])) == []
    dirty = environment.model_copy(update={"dirty": True})
    both = made.manifest.model_copy(update={"environments": (clean, dirty)})
    assert list(warnings([replace(made, manifest=both)])) == [
        "Run made was resumed with other code or libraries; see its versions at the end.",
        "Run made: its code differed from its commit.",
    ]


def test_the_time_is_a_tile_once_it_was_taken(made: StoredRun) -> None:
    timed = replace(made, timing={"train.mc": {"seconds": 90.0}, "report": {"seconds": 90.0}})
    (tile,) = (t for t in tiles(timed) if t.label == "from problems to report")
    assert tile.value == "3.0 min"
    assert not [t for t in tiles(replace(made, timing={})) if t.label == "from problems to report"]


def test_a_duration_is_in_the_unit_that_reads_best() -> None:
    # 119.94 s; 120 s = 2 min; 7,200 s = 2 h
    assert [duration(s) for s in (119.94, 120, 7199, 7200)] == [
        "119.9 s",
        "2.0 min",
        "120.0 min",
        "2.0 h",
    ]
