"""Sets without ids: a row that comes again is told, and rejected only if asked for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.datasets.copies import Once
from prmkit.datasets.formats import FORMATS
from prmkit.datasets.importing import Imported
from prmkit.datasets.math_shepherd import MARK
from prmkit.datasets.prm800k import Prm800kOptions
from prmkit.datasets.rows import BadRow, Row, rows_of

TRL = {"prompt": "Q", "completions": ["a"], "labels": [True]}
SHEPHERD = {"input": f"Q Step 1: a {MARK}", "label": "Q Step 1: a +", "task": "GSM8K"}
RATED = {"text": "s", "rating": -1}
PRM800K = {
    "question": {"problem": "P"},
    "label": {"steps": [{"completions": [RATED], "chosen_completion": None}]},
}


@pytest.mark.parametrize(
    ("name", "row"), [("trl", TRL), ("math_shepherd", SHEPHERD), ("prm800k", PRM800K)]
)
def test_a_copy_is_kept_and_told_or_rejected_with_its_reason(
    name: str, row: dict[str, Any]
) -> None:
    other = {**row, "note": 1}  # what differs in any column is no copy

    def read(*, reject: bool) -> tuple[Imported[Any], Once]:
        once = Once(rows_of([("f", [row, other, dict(reversed(row.items()))])]), reject=reject)
        options = Prm800kOptions() if name == "prm800k" else None
        return FORMATS[name].read(once, "", options), once

    kept, once = read(reject=False)
    assert (kept.n_rows, kept.n_used, kept.rejected) == (3, 3, [])
    assert once.copies == {"f, row 3": "f, row 1"}
    found, _ = read(reject=True)
    assert (found.n_rows, found.n_used, len(found.records)) == (3, 2, 2)
    (bad,) = found.rejected
    assert bad.row == "f, row 3"
    assert bad.reason == "found the same row as f, row 1; allowed: each row once"
    assert bad.content


@given(st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=8))
def test_the_first_of_each_row_stays_and_every_copy_names_it(values: list[int | None]) -> None:
    rows = [
        BadRow(row=str(i), reason="torn") if v is None else Row(str(i), i, "f", {"v": v})
        for i, v in enumerate(values)
    ]
    once = Once(rows, reject=True)
    passed = [row for row in once if isinstance(row, Row)]
    assert [row.values["v"] for row in passed] == list(
        dict.fromkeys(v for v in values if v is not None)
    )
    assert all(values[int(copy)] == values[int(first)] for copy, first in once.copies.items())
    assert len(passed) + len(once.copies) + values.count(None) == len(values)
