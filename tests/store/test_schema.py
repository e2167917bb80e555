from typing import Literal

import pyarrow as pa
import pytest

from prmkit.records import McAnnotation, Record, Solution
from prmkit.store import arrow_schema


class Odd(Record):
    mapping: dict[str, int]


class Row(Record):
    choice: Literal["a", "b"] | None
    counts: tuple[int | None, ...]


def test_columns_follow_the_fields() -> None:
    schema = arrow_schema(Solution)
    assert schema.names == list(Solution.model_fields)
    assert schema.field("outcome").type == pa.string()
    assert schema.field("steps").type == pa.list_(pa.field("element", pa.string(), nullable=False))
    assert schema.field("usage").type.field("n_calls").type == pa.int64()


def test_only_what_may_be_none_is_nullable() -> None:
    schema = arrow_schema(McAnnotation)
    assert [f.name for f in schema if f.nullable] == ["first_error"]
    estimate = schema.field("steps").type.value_type
    assert [f.name for f in estimate if f.nullable] == ["hard"]
    row = arrow_schema(Row)
    assert row.field("choice").nullable
    assert row.field("counts").type.value_field.nullable


def test_docstrings_travel_as_metadata() -> None:
    schema = arrow_schema(Solution)
    assert schema.metadata[b"record"] == b"Solution"
    assert schema.field("outcome").metadata[b"description"] == (
        b"Whether the final answer matches the reference."
    )


def test_a_type_without_an_arrow_form_is_named() -> None:
    with pytest.raises(TypeError, match=r"Odd\.mapping: dict\[str, int\] has no Arrow type here"):
        arrow_schema(Odd)
