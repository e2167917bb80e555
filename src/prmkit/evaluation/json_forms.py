"""Evaluations for machines: percent, unrounded, every figure with its interval and its counts."""

from collections.abc import Sequence
from typing import Any

from prmkit.evaluation.agreement import Agreement
from prmkit.evaluation.coverage import Coverage
from prmkit.evaluation.prmbench import ClassFigures, PrmBenchResult
from prmkit.evaluation.process_summary import ProcessComparison, ProcessSummary
from prmkit.evaluation.processbench import PartFigures
from prmkit.evaluation.sampled_table import Method, SampledTable
from prmkit.evaluation.tasks import ALL_TASKS, Task, groups_of, mean_over_tasks
from prmkit.intervals import Bootstrap
from prmkit.records import Estimate


def process_report_json(
    summaries: Sequence[ProcessSummary], comparisons: Sequence[ProcessComparison]
) -> dict[str, Any]:
    """One system's figures, or those of several by name with their paired differences."""
    if len(summaries) == 1:
        return process_json(summaries[0])
    return {
        "systems": {summary.system: process_json(summary) for summary in summaries},
        "comparisons": [process_comparison_json(found) for found in comparisons],
    }


def process_json(summary: ProcessSummary) -> dict[str, Any]:
    """The figures for machines, in percent and unrounded.

    `subsets` and `average_f1` hold the figures of the benchmark; the rest says how they came about.
    """
    subsets = {
        name: {
            "n_error": found.error_accuracy.n,
            "n_correct": found.correct_accuracy.n,
            "error_accuracy": 100 * found.error_accuracy.value,
            "correct_accuracy": 100 * found.correct_accuracy.value,
            "f1": 100 * found.f1.value,
            "intervals": {
                "error_accuracy": _ends(found.error_accuracy),
                "correct_accuracy": _ends(found.correct_accuracy),
                "f1": _ends(found.f1),
            },
        }
        for name, found in summary.result.subsets.items()
    }
    decision, right, bounds = summary.decision, summary.right_answers, summary.upper_bound
    return {
        "system": summary.system,
        "subsets": subsets,
        "average_f1": 100 * summary.result.mean_f1.value,
        "average_f1_interval": _ends(summary.result.mean_f1),
        "interval_method": summary.result.mean_f1.method,
        "partial": coverage_json(summary.coverage),
        "n_cases": len(summary.cases),
        "n_unreadable": sum(summary.unreadable.values()),
        "unreadable": dict(summary.unreadable),
        "degenerate": summary.degenerate or None,
        "threshold": decision
        and {
            "value": decision.value,
            "chosen_on": decision.chosen_on or None,
            "f1_there": None if decision.f1_there is None else 100 * decision.f1_there,
            "average_f1_of_other_subsets": estimate_json(summary.mean_f1_untouched),
        },
        "upper_bound_own_threshold": {
            name: {"threshold": bound.value, "f1": 100 * bound.f1} for name, bound in bounds.items()
        },
        "right_answer_wrong_process": right
        and {
            "subsets": {name: estimate_json(found) for name, found in right.subsets.items()},
            "mean": estimate_json(right.mean),
            "pooled": estimate_json(right.pooled),
        },
        "by_generator": {name: _part(part) for name, part in summary.by_generator.items()},
        "by_number_of_steps": {name: _part(part) for name, part in summary.by_steps.items()},
    }


def tasks_json(tasks: Sequence[Task], how: Bootstrap) -> dict[str, Any]:
    """One task's figures, or those of several by name with their plain means.

    `mean_over_tasks` is of all tasks; `means` holds every mean with its interval.
    """
    if len(tasks) == 1:
        return samples_json(tasks[0].table, tasks[0].coverage)
    means = {name: mean_over_tasks(group, how) for name, group in groups_of(tasks).items()}
    return {
        "tasks": {task.name: samples_json(task.table, task.coverage) for task in tasks},
        "mean_over_tasks": {
            method.label: None if mean is None else 100 * mean.value
            for method, mean in means[ALL_TASKS].items()
        },
        "means": {
            name: {method.label: estimate_json(mean) for method, mean in of_group.items()}
            for name, of_group in means.items()
        },
    }


def samples_json(table: SampledTable, coverage: Coverage) -> dict[str, Any]:
    """Best-of-N of one task: each method by N, in percent.

    `best` and `weighted_majority` are of the first scorer; `weighted_majority` weighs by the
    product, `weighted_majority_by` by each aggregate.
    """
    by_scorer = {
        scorer: _scorer(table, scorer)
        for scorer in dict.fromkeys(method.scorer for method in table.curves if method.scorer)
    }
    none: dict[str, Any] = {"best": {}, "weighted_majority_by": {}}
    first = next(iter(by_scorer.values()), none)
    weighted = first["weighted_majority_by"]
    return {
        "n": table.n_problems,
        "n_samples": table.n_samples,
        "pass": _by_n(table, Method("pass")),
        "majority": _by_n(table, Method("majority")),
        "weighted_majority": next(iter(weighted.values()), {}),
        "best": first["best"],
        "weighted_majority_by": weighted,
        "random": _by_n(table, Method("random")),
        "shortest": _by_n(table, Method("shortest")),
        "scorers": by_scorer,
        "with_all_samples": {
            method.label: estimate_json(curve.estimates[-1])
            for method, curve in table.curves.items()
        },
        "comparisons": [
            {
                "a": found.a.label,
                "b": found.b.label,
                "difference": estimate_json(found.difference),
                "problems_needed": found.needed,
                "mcnemar": found.test and found.test._asdict(),
            }
            for found in table.comparisons
        ],
        "left_out": list(table.left_out),
        "n_unscored_samples": table.n_unscored,
        "n_samples_without_answer": table.n_without_answer,
        "partial": coverage_json(coverage),
    }


def _scorer(table: SampledTable, scorer: str) -> dict[str, Any]:
    return {
        key: {
            method.aggregate: _by_n(table, method)
            for method in table.curves
            if method.scorer == scorer and method.kind == kind
        }
        for key, kind in (("best", "best"), ("weighted_majority_by", "weighted_majority"))
    }


def _by_n(table: SampledTable, method: Method) -> dict[str, float | None]:
    estimates = table.curves[method].estimates
    return {str(k): None if e is None else 100 * e.value for k, e in enumerate(estimates, start=1)}


def prmbench_json(result: PrmBenchResult, coverage: Coverage, threshold: float) -> dict[str, Any]:
    """PRMBench's figures, in percent, under the official names."""
    return {
        "threshold": threshold,
        **_class(result.overall),
        "dimensions": {
            name: None if e is None else 100 * e.value for name, e in result.dimensions.items()
        },
        "classes": {name: _class(found) for name, found in result.classes.items()},
        "intervals": {
            "prm_score": estimate_json(result.overall.prm_score),
            "dimensions": {name: estimate_json(e) for name, e in result.dimensions.items()},
            "classes": {
                name: estimate_json(found.prm_score) for name, found in result.classes.items()
            },
        },
        "n_unscored_cases": result.n_unscored,
        "partial": coverage_json(coverage),
    }


def _class(found: ClassFigures) -> dict[str, Any]:
    figures = {"prm_score": found.prm_score, **found.parts}
    values = {name: None if e is None else 100 * e.value for name, e in figures.items()}
    return {**values, "n_cases": found.n_cases, "n_steps": found.n_steps}


def agreement_json(found: Agreement, coverage: Coverage) -> dict[str, Any]:
    """Agreement of two annotators: percent, kappas as they are."""

    def kappa(estimate: Estimate | None) -> dict[str, float] | None:
        if estimate is None:
            return None
        return {"value": estimate.value, "low": estimate.low, "high": estimate.high}

    return {
        "n": found.n,
        "n_unscored": found.n_unscored,
        "same_place": estimate_json(found.same),
        "kinds": {
            kind.replace(" ", "_"): estimate_json(share) for kind, share in found.shares.items()
        },
        "kappa_place": kappa(found.kappa_place),
        "kappa_any_error": kappa(found.kappa_error),
        "step_precision": estimate_json(found.precision),
        "step_recall": estimate_json(found.recall),
        "with_b_as_truth": _part(found.as_predictions),
        "confusion": [{"a": a, "b": b, "solutions": n} for (a, b), n in found.confusion.items()],
        "partial": coverage_json(coverage),
    }


def coverage_json(coverage: Coverage) -> dict[str, Any] | None:
    """What a partial evaluation left out; None for a complete one."""
    if coverage.complete:
        return None
    return {
        "n_expected": coverage.n_expected,
        "n_used": coverage.n_used,
        "faults": {kind: list(found) for kind, found in coverage.faults.items()},
    }


def process_comparison_json(found: ProcessComparison) -> dict[str, Any]:
    """A comparison for machines, in percentage points."""
    return {
        "a": found.a,
        "b": found.b,
        "average_f1_difference": estimate_json(found.difference),
        "subsets": {name: estimate_json(e) for name, e in found.subsets.items()},
        "cases_needed": found.needed,
        "mcnemar": found.test and found.test._asdict(),
    }


def estimate_json(estimate: Estimate | None) -> dict[str, Any] | None:
    """An estimate in percent, unrounded."""
    if estimate is None:
        return None
    return {
        "value": 100 * estimate.value,
        "low": 100 * estimate.low,
        "high": 100 * estimate.high,
        "n": estimate.n,
        "n_unscored": estimate.n_unscored,
    }


def _ends(estimate: Estimate) -> list[float]:
    return [100 * estimate.low, 100 * estimate.high]


def _part(part: PartFigures) -> dict[str, Any]:
    return {name: estimate_json(found) for name, found in part._asdict().items()}
