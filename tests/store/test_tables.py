from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prmkit.cli.docs import record_types
from prmkit.errors import DataError, RunError
from prmkit.generators.base import Completion
from prmkit.records import (
    Estimate,
    GivenLabel,
    McAnnotation,
    Outcome,
    Problem,
    Record,
    Solution,
    StepEstimate,
    StepScores,
    Usage,
)
from prmkit.store import arrow_schema, read_records, write_records


def solution(index: int, steps: tuple[str, ...] = ("1 + 1 = 2", "so 2")) -> Solution:
    return Solution(
        solution_id=f"p/small/{index}",
        problem_id="p",
        policy="small",
        sample_index=index,
        steps=steps,
        outcome=Outcome.CORRECT,
        extracted="2",
        usage=Usage(n_calls=1, prompt_tokens=5, generated_tokens=7),
    )


counts = st.integers(0, 2**63 - 1)
usages = st.builds(
    Usage,
    n_calls=counts,
    prompt_tokens=counts,
    cached_prompt_tokens=counts,
    generated_tokens=counts,
)
outcomes = st.sampled_from(Outcome)
solutions = st.builds(
    Solution,
    solution_id=st.text(min_size=1),
    problem_id=st.text(),
    policy=st.text(),
    sample_index=counts,
    steps=st.lists(st.text()).map(tuple),
    outcome=outcomes,
    reason=st.text(),
    extracted=st.none() | st.text(),
    usage=usages,
)
estimates = st.builds(
    StepEstimate,
    outcomes=st.lists(outcomes).map(tuple),
    hard=st.none() | st.booleans(),
    known=st.booleans(),
)
annotations = st.builds(
    McAnnotation,
    solution_id=st.text(),
    first_error=st.none() | counts,
    unscored=st.just(""),
    annotator=st.text(),
    k=st.integers(1, 64),
    threshold=st.integers(0, 64),
    steps=st.lists(estimates).map(tuple),
    usage=usages,
)
scores = st.builds(
    StepScores,
    solution_id=st.text(),
    model=st.text(),
    scores=st.lists(st.floats(0, 1)).map(tuple),
    unscored=st.text(),
)


@settings(max_examples=40)
@given(
    st.one_of(
        st.tuples(st.just(Solution), st.lists(solutions, max_size=5)),
        st.tuples(st.just(McAnnotation), st.lists(annotations, max_size=5)),
        st.tuples(st.just(StepScores), st.lists(scores, max_size=5)),
    )
)
def test_records_come_back_equal_from_equal_bytes(
    tmp_path_factory: pytest.TempPathFactory, typed: tuple[type[Record], list[Record]]
) -> None:
    record_type, records = typed
    folder = tmp_path_factory.mktemp("table")
    write_records(folder / "a.parquet", records, record_type)
    write_records(folder / "b.parquet", list(records), record_type)
    assert read_records(folder / "a.parquet", record_type) == records
    assert (folder / "a.parquet").read_bytes() == (folder / "b.parquet").read_bytes()


@pytest.mark.parametrize("record_type", [*record_types(), Completion])
def test_no_records_still_give_the_schema(tmp_path: Path, record_type: type[Record]) -> None:
    path = tmp_path / "none.parquet"
    write_records(path, [], record_type)
    assert read_records(path, record_type) == []
    schema = pq.read_schema(path)
    assert schema.equals(arrow_schema(record_type))
    assert schema.field(0).metadata[b"description"]


def test_other_programs_see_plain_columns(tmp_path: Path) -> None:
    path = tmp_path / "solutions.parquet"
    write_records(path, [solution(0)], Solution)
    (row,) = pq.read_table(path).to_pylist()
    assert row["steps"] == ["1 + 1 = 2", "so 2"]
    assert row["outcome"] == "correct"
    assert row["usage"]["generated_tokens"] == 7
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_file_by_another_writer_is_read(tmp_path: Path) -> None:
    # wide and dictionary-coded text, columns in another order, all-null and whole-number columns
    path = tmp_path / "estimates.parquet"
    columns: dict[str, Any] = {
        "method": pa.array(["wilson"]).dictionary_encode(),
        "n": pa.array([3], pa.int32()),
        "n_unscored": pa.array([0], pa.uint8()),
        "high": pa.array([1]),
        "low": pa.array([0.25], pa.float32()),
        "value": pa.array([0.5]),
    }
    pq.write_table(pa.table(columns), path)
    assert read_records(path, Estimate) == [
        Estimate(value=0.5, low=0.25, high=1.0, n=3, n_unscored=0, method="wilson")
    ]
    columns = {
        "text": pa.array(["x"], pa.large_string()),
        "token_ids": pa.array([[]], pa.large_list(pa.null())),
        "finish_reason": pa.array(["stop"]),
        "usage": pa.array([dict.fromkeys(reversed(Usage.model_fields), 1)]),
    }
    pq.write_table(pa.table(columns), path)
    assert read_records(path, Completion)[0].token_ids == ()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"answer": [5]}, "column answer: found integer; allowed: string"),
        ({"answer": [["5"]]}, "column answer: found list(string); allowed: string"),
        (
            {"extra": ["x"]},
            "column extra: found an unknown column; "
            "allowed: problem_id, question, split, answer, answer_kind, spec",
        ),
        ({"answer": None}, "column answer: found no such column; allowed: string"),
        ({"answer": [""]}, ", row 0, column answer: found ''; allowed: text, not empty"),
        ({"answer": pa.nulls(1)}, ", row 0, column answer: found null; allowed: text, not empty"),
    ],
)
def test_a_column_that_does_not_fit_is_named(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    columns = {name: ["x"] for name in Problem.model_fields} | changed
    path = tmp_path / "problems.parquet"
    pq.write_table(pa.table({k: v for k, v in columns.items() if v is not None}), path)
    with pytest.raises(DataError) as caught:
        read_records(path, Problem)
    assert str(caught.value).removeprefix(str(path)).removeprefix(": ") == message


def test_columns_that_came_later_count_as_their_defaults(tmp_path: Path) -> None:
    # as a version without redraws, verification and distinct completions wrote annotations
    path = tmp_path / "rollouts.parquet"
    later = {"known", "n_completions", "n_distinct", "usages"}
    made = McAnnotation(
        solution_id="s",
        first_error=1,
        annotator="exhaustive",
        k=1,
        threshold=0,
        steps=(StepEstimate(outcomes=(Outcome.CORRECT,), hard=True),),
        usage=Usage(n_calls=1, prompt_tokens=5, generated_tokens=7),
    )
    row = made.model_dump()
    row["steps"] = [
        {name: value for name, value in step.items() if name not in later} for step in row["steps"]
    ]
    del row["verification"], row["usage"]["cached_prompt_tokens"]
    pq.write_table(pa.Table.from_pylist([row]), path)
    assert read_records(path, McAnnotation) == [made]


@pytest.mark.parametrize("absent", ["first_error", "unscored", "solution_id"])
def test_a_table_that_does_not_say_where_errors_are_never_means_that_there_are_none(
    tmp_path: Path, absent: str
) -> None:
    row = GivenLabel(solution_id="s", first_error=1, source="people").model_dump()
    del row[absent]
    path = tmp_path / "given.parquet"
    pq.write_table(pa.Table.from_pylist([row]), path)
    with pytest.raises(DataError, match=f"column {absent}: found no such column"):
        read_records(path, GivenLabel)


@pytest.mark.parametrize("absent", ["outcomes", "hard"])
def test_a_field_without_default_must_be_in_nested_records_too(tmp_path: Path, absent: str) -> None:
    step = StepEstimate(outcomes=(Outcome.CORRECT,), hard=True).model_dump()
    del step[absent]
    row = {"solution_id": "s", "first_error": 0, "unscored": "", "annotator": "a", "k": 1}
    path = tmp_path / "rollouts.parquet"
    pq.write_table(pa.Table.from_pylist([row | {"threshold": 0, "steps": [step]}]), path)
    with pytest.raises(DataError, match=r"column steps: found list\(struct\("):
        read_records(path, McAnnotation)


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "problems.parquet"
    names = [*Problem.model_fields, "split"]
    pq.write_table(pa.table([pa.array(["x"])] * len(names), names=names), path)
    with pytest.raises(DataError, match="column split: found twice"):
        read_records(path, Problem)


def test_a_torn_file_is_an_error_wherever_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "solutions.parquet"
    write_records(path, [solution(i) for i in range(50)], Solution)
    whole = path.read_bytes()
    for end in range(0, len(whole), 97):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match=r"solutions\.parquet: not a readable Parquet file"):
            read_records(path, Solution)


def test_a_flipped_bit_in_the_data_is_an_error_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "solutions.parquet"
    records = [solution(i, steps=(f"step {i * i}", f"{i}" * 9)) for i in range(50)]
    write_records(path, records, Solution)
    whole = path.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little") + 8  # its length stands before the end mark
    n_refused = 0
    for position in range(4, len(whole) - footer, 31):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        try:
            assert read_records(path, Solution) == records
        except DataError:
            n_refused += 1
    assert n_refused > 0


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_records(tmp_path / "none.parquet", Problem)
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_records(tmp_path, Problem)


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "solutions.parquet"
    write_records(path, [solution(0)], Solution)
    with pytest.raises(DataError, match="solutions"):
        write_records(path, [solution(2**63)], Solution)  # one more than int64 holds
    with pytest.raises(TypeError, match="row 1 is a Usage, not a Solution"):
        write_records(path, [solution(0), Usage()], Solution)
    assert read_records(path, Solution) == [solution(0)]
    assert [p.name for p in tmp_path.iterdir()] == ["solutions.parquet"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written: No such file or directory"):
        write_records(tmp_path / "none" / "x.parquet", [], Problem)
