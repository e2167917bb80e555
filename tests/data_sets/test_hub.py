import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from prmkit.datasets.formats import FORMATS, source_rows
from prmkit.datasets.hub import Hub, hub_rows
from prmkit.errors import DataError, MissingExtra

HAS_LIBRARY = (spec := importlib.util.find_spec("datasets")) is not None and spec.origin is not None


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What a stand-in for the `datasets` library is asked for; it knows every name but `absent`."""
    calls: list[tuple[Any, ...]] = []

    def load_dataset(path: str, name: str | None, split: str) -> list[dict[str, str]]:
        calls.append((path, name, split))
        if path == "absent":
            raise ConnectionError("no\nnetwork")
        return [{"question": f"{name} 1"}, {"question": f"{name} 2"}]

    library = ModuleType("datasets")
    library.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", library)
    return calls


def test_configurations_are_read_one_after_the_other_under_the_hubs_names(
    asked: list[tuple[Any, ...]],
) -> None:
    rows = list(hub_rows(Hub("o/n", ("a", "b"), (("test", "train"),)), "test"))
    assert asked == [("o/n", "a", "train"), ("o/n", "b", "train")]
    assert [(row.where, row.position) for row in rows] == [
        ("o/n/a/train, row 1", 0),
        ("o/n/a/train, row 2", 1),
        ("o/n/b/train, row 1", 2),
        ("o/n/b/train, row 2", 3),
    ]


def test_a_problem_set_is_read_from_the_hub(asked: list[tuple[Any, ...]]) -> None:
    known = FORMATS["olympiadbench"]
    source = source_rows(known, "olympiadbench", [], None, from_hub=True)
    found = known.read(source.rows, source.split, None)
    assert asked == [("Hothan/OlympiadBench", "OE_TO_maths_en_COMP", "train")]
    assert source.split == "test"
    assert [bad.row for bad in found.rejected] == [
        "Hothan/OlympiadBench/OE_TO_maths_en_COMP/train, row 1",
        "Hothan/OlympiadBench/OE_TO_maths_en_COMP/train, row 2",
    ]


def test_what_the_library_cannot_load_is_one_line(asked: list[tuple[Any, ...]]) -> None:
    with pytest.raises(DataError, match="absent/test: cannot be loaded"):
        list(hub_rows(Hub("absent"), "test"))
    assert asked == [("absent", None, "test")]


def test_without_the_library_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"pip install 'prmkit\[hub\]'"):
        list(hub_rows(Hub("o/n"), "test"))


@pytest.mark.skipif(not HAS_LIBRARY, reason="datasets (extra hub) is not installed")
def test_the_real_library_reads_a_folder_of_data_files(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    rows = [{"question": "1"}, {"question": "2"}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "set" / "test.jsonl").write_text(text)
    found = hub_rows(Hub(str(tmp_path / "set")), "test")
    assert [row.values for row in found] == rows
