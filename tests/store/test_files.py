from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prmkit.errors import DataError, RunError
from prmkit.store import read_json, write_json

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=30)  # each example is a synced write
@given(plain)
def test_json_comes_back_equal(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.mktemp("json") / "value.json"
    write_json(path, value)
    assert read_json(path) == value


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1, "y": 2})
    write_json(tmp_path / "b.json", {"y": 2, "x": 1})
    assert (tmp_path / "a.json").read_bytes() == b'{\n  "x": 1,\n  "y": 2\n}\n'
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "a.json").read_bytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, "\ud800"])
def test_what_json_has_no_form_for_is_refused_and_the_old_file_stays(
    tmp_path: Path, value: Any
) -> None:
    path = tmp_path / "value.json"
    write_json(path, "old")
    with pytest.raises(DataError, match=r"value\.json: not JSON"):
        write_json(path, {"figure": value})
    assert read_json(path) == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1,\n "b"', "not JSON, line 2, column 5: Expecting ':' delimiter"),
        (b"", "not JSON, line 1, column 1: Expecting value"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
        (b"[" * 100_000, "not JSON: nested too deeply"),
    ],
)
def test_torn_json_says_where(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "torn.json"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_json(path)
    assert str(caught.value) == f"{path}: {message}"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file or directory"):
        read_json(tmp_path / "none.json")


def test_a_file_cannot_replace_a_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(RunError, match="taken: cannot be written: Is a directory"):
        write_json(tmp_path / "taken", 1)
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]
