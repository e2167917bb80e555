import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.datasets.fields import BadField, Fields
from prmkit.datasets.importing import Converted, Imported, convert_rows
from prmkit.datasets.rows import BadRow, Row
from prmkit.records import Problem


def problem(row: Row) -> Converted[Problem]:
    fields = Fields(row.values)
    if fields.flag("skip", default=False):
        return Converted([], dropped="skip")
    key, question = fields.key("id", "?"), fields.text("q")
    return Converted([Problem(problem_id=key, question=question, answer="1")], {"read": 1})


def imported(rows: list[dict[str, object] | None]) -> Imported[Problem]:
    """`None` stands for a row that could not be decoded."""
    found = [
        BadRow(row=f"f, line {i}", reason="torn")
        if values is None
        else Row(f"f, line {i}", i - 1, "f", values)
        for i, values in enumerate(rows, start=1)
    ]
    return convert_rows(found, problem, lambda p: p.problem_id)


def test_every_row_is_used_dropped_or_rejected() -> None:
    result = imported([{"id": "a", "q": "x"}, None, {"id": 2, "q": "y"}, {"skip": True}, {"q": 3}])
    assert [p.problem_id for p in result.records] == ["a", "2"]
    assert (result.n_rows, result.n_used, result.dropped) == (5, 2, {"skip": 1})
    assert [bad.row for bad in result.rejected] == ["f, line 2", "f, line 5"]
    assert result.notes == {"read": 2}


def test_a_reject_names_field_found_and_allowed_and_keeps_the_row() -> None:
    (bad,) = imported([{"id": "a", "q": 3}]).rejected
    assert (bad.field, bad.reason) == ("q", "q: found 3; allowed: text")
    assert bad.content == '{"id": "a", "q": 3}'


def test_a_missing_column_is_named_with_those_that_are_there() -> None:
    (bad,) = imported([{"id": "a", "question": "x"}]).rejected
    assert bad.reason == "q: found no such column among id, question; allowed: text"


def test_an_id_that_comes_again_is_rejected_and_says_where_it_was() -> None:
    result = imported([{"id": "a", "q": "x"}, {"id": "a", "q": "y"}])
    assert [p.question for p in result.records] == ["x"]
    assert (
        result.rejected[0].reason == "id: found 'a' again, as in f, line 1; allowed: each id once"
    )


def test_a_record_that_refuses_a_value_rejects_its_row() -> None:
    def blank(row: Row) -> Converted[Problem]:
        return Converted([Problem(problem_id="a", question="", answer="1")])

    rows = [Row("f, line 1", 0, "f", {})]
    (bad,) = convert_rows(rows, blank, lambda p: p.problem_id).rejected
    assert bad.field == "question"


ROWS = st.lists(
    st.one_of(
        st.none(),
        st.fixed_dictionaries(
            {},
            optional={
                "id": st.one_of(st.sampled_from("ab"), st.integers(0, 2), st.none(), st.booleans()),
                "q": st.one_of(st.text(max_size=2), st.integers()),
                "skip": st.one_of(st.booleans(), st.none(), st.integers()),
            },
        ),
    ),
    max_size=8,
)


@given(ROWS)
def test_nothing_is_lost_whatever_the_rows_hold(rows: list[dict[str, object] | None]) -> None:
    result = imported(rows)
    lost = result.n_rows - result.n_used - sum(result.dropped.values()) - len(result.rejected)
    assert (result.n_rows, lost) == (len(rows), 0)
    assert len(result.records) == result.n_used


FIELDS = Fields(
    {"n": 3, "b": True, "t": "x", "l": [0.5, 1, False], "s": ["a", ""], "e": [], "m": {"i": "7"}}
)


def test_values_come_as_they_are() -> None:
    assert FIELDS.whole("n", 0, 3) == 3
    assert FIELDS.shares("l") == (0.5, 1.0, 0.0)
    assert FIELDS.texts("s", blank=True) == ("a", "")
    assert FIELDS.wholes("e", 1) == ()
    assert FIELDS.mapping("m").text("i") == "7"
    assert FIELDS.first(["x", "t"]) == "t"
    assert ("x" in FIELDS, "t" in FIELDS) == (False, True)


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: FIELDS.whole("b", 0, 3), "b: found True; allowed: a whole number from 0 to 3"),
        (lambda: FIELDS.whole("n", 0, 2), "n: found 3; allowed: a whole number from 0 to 2"),
        (lambda: FIELDS.flag("n"), "n: found 3; allowed: true or false"),
        (lambda: FIELDS.texts("s"), "s.1: found ''; allowed: a list of texts that are not blank"),
        (lambda: FIELDS.texts("e"), "e: found an empty list"),
        (lambda: FIELDS.texts("t"), "t: found 'x'; allowed: a list of texts"),
        (lambda: FIELDS.wholes("l", 0), "l.0: found 0.5; allowed: a list of whole numbers"),
        (lambda: FIELDS.mapping("m").text("j"), "m.j: found no such column among i"),
        (lambda: FIELDS.mapping("t"), "t: found 'x'; allowed: a mapping"),
        (lambda: FIELDS.mappings("s"), "s.0: found 'a'; allowed: a mapping"),
        (lambda: FIELDS.key("b", 0), "b: found True; allowed: text or a whole number"),
        (lambda: FIELDS.raw("x", "anything"), "x: found no such column"),
    ],
)
def test_nothing_is_bent_into_shape(read: object, message: str) -> None:
    assert callable(read)
    with pytest.raises(BadField) as caught:
        read()
    assert message in str(caught.value)
