import json
from pathlib import Path

import pytest

from prmkit.errors import DataError
from prmkit.synthetic.curves import Point, plot_curves, read_log


def log(path: Path, rows: list[tuple[int, float]]) -> Path:
    lines = [json.dumps({"update": u, "loss": x, "tokens_per_s": 1}) for u, x in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_of_two_lines_for_one_update_the_later_counts(tmp_path: Path) -> None:
    path = log(tmp_path / "log.jsonl", [(50, 3.0), (100, 2.0), (100, 1.5), (150, 1.0)])
    assert read_log(path) == [Point(50, 3.0), Point(100, 1.5), Point(150, 1.0)]


@pytest.mark.parametrize("line", ["{", "[]", '{"update": 1}', '{"update": "x", "loss": 1}'])
def test_a_line_that_is_none_of_a_log_is_named(tmp_path: Path, line: str) -> None:
    path = log(tmp_path / "log.jsonl", [(50, 3.0)])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DataError, match=r"log\.jsonl, line 2"):
        read_log(path)


def test_a_missing_log_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_log(tmp_path / "log.jsonl")


def test_the_picture_names_its_curves_and_axes(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the report extra")
    logs = {"weak": log(tmp_path / "a", [(1, 2.0), (2, 1.0)])}
    plot_curves(logs, tmp_path / "curves.svg")
    text = (tmp_path / "curves.svg").read_text()
    assert "<!-- weak -->" in text
    assert "<!-- loss, nats a token -->" in text
