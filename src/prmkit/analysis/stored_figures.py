"""Figures that a run's report.json already holds, read leniently: other versions may lack some."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from prmkit.records import Estimate
from prmkit.store import StoredRun


def estimate_at(content: Any, *keys: str) -> Estimate | None:
    """The estimate at a path of keys; None if there is none."""
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    try:
        return None if content is None else Estimate.model_validate(content)
    except ValidationError:
        return None


def process_row(run: StoredRun, system: str) -> Mapping[str, Any]:
    """A system's row of the ProcessBench-style table; empty if there is none."""
    rows = run.report.get("processbench", ())
    return next((row for row in rows if row.get("system") == system), {})


def best_of_n_of(run: StoredRun, arm: str, how: str) -> Estimate | None:
    """An arm's Best-of-N by one aggregate."""
    best_of = run.recipe.get("evaluation", {}).get("best_of")
    return estimate_at(run.report.get("best_of_n"), f"{arm} prm@{best_of} {how}")


def comparisons(run: StoredRun) -> Sequence[Mapping[str, Any]]:
    """Every paired difference of the report."""
    return [
        *run.report.get("processbench_comparisons", ()),
        *run.report.get("best_of_n_comparisons", ()),
    ]
