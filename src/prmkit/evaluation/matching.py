"""Join a benchmark's cases with stored predictions or step scores, id by id."""

from collections.abc import Sequence
from typing import NamedTuple

from prmkit.datasets.importing import Imported
from prmkit.datasets.processbench import NO_SUCH_STEP, StoredPrediction
from prmkit.evaluation.coverage import Coverage, rejected_faults
from prmkit.evaluation.processbench import ProcessCase, predict_first_error
from prmkit.records import BenchmarkCase


class Matched(NamedTuple):
    """Cases with what a system said about each."""

    cases: Sequence[BenchmarkCase]
    """The cases that have a usable row, in the data's order."""
    predictions: Sequence[StoredPrediction]
    """One a case, in the same order."""
    coverage: Coverage
    """What fits and what does not."""

    @property
    def scored(self) -> bool:
        """Whether any row holds step scores, which a threshold turns into predictions."""
        return any(prediction.scores for prediction in self.predictions)

    def process_cases(self, threshold: float) -> list[ProcessCase]:
        """The cases as the evaluation takes them; scores decide at `threshold`."""
        pairs = zip(self.cases, self.predictions, strict=True)
        return [process_case(case, said, threshold) for case, said in pairs]


def match(data: Imported[BenchmarkCase], outputs: Imported[StoredPrediction]) -> Matched:
    """Join cases and predictions by id; whatever does not fit is in the coverage.

    Args:
        data: The benchmark's cases.
        outputs: A row a case.
    """
    by_id = {row.case_id: row for row in outputs.records}
    known = {case.case_id for case in data.records}
    faults: dict[str, list[str]] = {
        "cases without a row": [],
        "ids that the data do not have": [key for key in by_id if key not in known],
        "rows with the wrong number of scores": [],
    }
    used: list[tuple[BenchmarkCase, StoredPrediction]] = []
    for case in data.records:
        row = by_id.get(case.case_id)
        if row is None:
            faults["cases without a row"].append(case.case_id)
        elif row.scores and len(row.scores) != len(case.steps):
            faults["rows with the wrong number of scores"].append(
                f"{case.case_id}: {len(row.scores)} scores for {len(case.steps)} steps"
            )
        else:
            used.append((case, _within(case, row)))
    found = {
        **rejected_faults(data, "unusable rows of the data"),
        **rejected_faults(outputs, "unusable rows"),
        **{kind: rows for kind, rows in faults.items() if rows},
    }
    n_expected = len(data.records) + len(data.rejected)
    coverage = Coverage(n_expected, len(used), found)
    return Matched([case for case, _ in used], [row for _, row in used], coverage)


def _within(case: BenchmarkCase, row: StoredPrediction) -> StoredPrediction:
    """A row that says nothing readable if it names a step that the solution does not have.

    A critic that does so is a model's failure and not a broken file: the official code counts it
    as wrong, like a reply that cannot be read.
    """
    if row.first_error is None or row.first_error < len(case.steps):
        return row
    return row.model_copy(update={"first_error": None, "unreadable": NO_SUCH_STEP})


def process_case(case: BenchmarkCase, said: StoredPrediction, threshold: float) -> ProcessCase:
    """One case with one system's prediction."""
    decided = predict_first_error(said.scores, threshold) if said.scores else said.first_error
    return ProcessCase(
        case_id=case.case_id,
        problem_id=case.problem_id,
        subset=case.subset,
        first_error=case.first_error,
        predicted=decided,
        unscored=said.unreadable,
    )
