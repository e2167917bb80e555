import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prmkit.datasets.rows import BadRow, Row, read_rows
from prmkit.errors import DataError

ROWS: list[dict[str, object]] = [{"q": "one"}, {"q": "zwei \u00fc"}, {"q": "\u4e09"}]


def values(path: Path) -> list[dict[str, object]]:
    return [row.values for row in read_rows([path]) if isinstance(row, Row)]


def rejects(path: Path) -> list[BadRow]:
    return [row for row in read_rows([path]) if isinstance(row, BadRow)]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def lines(rows: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def test_all_kinds_are_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    array = json.dumps(ROWS, indent=1).encode()
    table = tmp_path / "table.jsonl"
    pq.write_table(pa.Table.from_pylist(ROWS), table)
    for path in (
        written(tmp_path / "a.json", lines(ROWS)),
        written(tmp_path / "b.jsonl", array),
        written(tmp_path / "c.txt", gzip.compress(lines(ROWS))),
        written(tmp_path / "d", gzip.compress(array)),
        table,
    ):
        assert values(path) == ROWS
        assert rejects(path) == []


def test_one_object_over_several_lines_is_one_row(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", json.dumps({"q": [1, 2]}, indent=2).encode())
    assert values(path) == [{"q": [1, 2]}]


def test_a_first_row_longer_than_any_buffer_is_read(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"q": "x" * 200_000}, {"q": 1}]
    for content in (
        lines(rows),
        gzip.compress(lines(rows)),
        json.dumps(rows[0], indent=1).encode(),
    ):
        assert values(written(tmp_path / "a", content))[0] == rows[0]
    assert len(values(written(tmp_path / "a", lines(rows)))) == 2


def test_a_row_knows_its_line_its_position_over_all_files_and_its_files_stem(
    tmp_path: Path,
) -> None:
    first = written(tmp_path / "math.json.gz", gzip.compress(b'{"q":1}\n\n{"q":2}\n'))
    second = written(tmp_path / "gsm8k.json", b'[{"q":3}]')
    found = [row for row in read_rows([first, second]) if isinstance(row, Row)]
    # the blank line is no row but counts as a line
    assert [(r.where, r.position, r.stem) for r in found] == [
        (f"{first}, line 1", 0, "math"),
        (f"{first}, line 3", 1, "math"),
        (f"{second}, row 1", 2, "gsm8k"),
    ]


def test_a_line_ends_at_a_newline_and_at_nothing_else(tmp_path: Path) -> None:
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf"
    path = written(tmp_path / "a.jsonl", f'{{"q": "{text[:-4]}"}}\r\n{{"q": "x"}}'.encode())
    assert values(path) == [{"q": text[:-4]}, {"q": "x"}]


def test_a_torn_last_line_is_rejected_and_the_others_go_on(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", lines(ROWS) + b'{"q": "fo')
    assert values(path) == ROWS
    (torn,) = rejects(path)
    assert torn.row == f"{path}, line 4"
    assert torn.reason.startswith("found a torn last line: ")
    assert torn.content == '{"q": "fo'


def test_a_line_in_another_encoding_is_rejected_with_its_byte(tmp_path: Path) -> None:
    latin = '{"q": "fa\u00e7ade"}\n'.encode("latin-1")
    path = written(tmp_path / "a.jsonl", lines(ROWS[:1]) + latin + lines(ROWS[1:]))
    assert values(path) == ROWS
    (bad,) = rejects(path)
    assert bad.row == f"{path}, line 2"
    assert bad.reason == "found byte 0xe7 at 9, which is not UTF-8; allowed: UTF-8"


def test_an_element_in_another_encoding_is_rejected_and_the_array_goes_on(tmp_path: Path) -> None:
    content = b'[{"q": "one"}, {"q": "fa\xe7ade"}, {"q": "two"}]'
    path = written(tmp_path / "a.json", content)
    assert values(path) == [{"q": "one"}, {"q": "two"}]
    assert [bad.row for bad in rejects(path)] == [f"{path}, row 2"]


def test_half_a_surrogate_pair_is_no_text(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", b'{"q": "\\ud800"}\n{"q": "\\ud83d\\ude00"}\n')
    assert values(path) == [{"q": "\U0001f600"}]
    assert len(rejects(path)) == 1


def test_a_torn_array_gives_its_whole_rows_and_one_reject(tmp_path: Path) -> None:
    for content, n_good in (
        (b'[{"q": 1}, {"q": 2}, {"q', 2),
        (b'[{"q": 1}, {"q": 2}', 1),  # whether the second row is whole cannot be known
        (b'[{"q": 1},', 1),
        (b"[", 0),
        (b'[{"q": 1}] {"q": 2}', 1),
    ):
        path = written(tmp_path / "a.json", content)
        assert len(values(path)) == n_good
        assert len(rejects(path)) == 1


def test_damaged_gzip_data_gives_the_rows_before_the_damage(tmp_path: Path) -> None:
    whole = gzip.compress(lines([{"q": str(i)} for i in range(20000)]))
    path = written(tmp_path / "a.jsonl.gz", whole[: len(whole) // 2])
    assert len(values(path)) > 1000
    assert "damaged gzip data" in rejects(path)[-1].reason


def test_damage_in_the_first_row_or_in_an_array_is_told_too(tmp_path: Path) -> None:
    path = written(tmp_path / "a.gz", gzip.compress(lines(ROWS))[:20])
    assert ["damaged gzip data" in bad.reason for bad in rejects(path)] == [True]
    array = gzip.compress(json.dumps([{"q": str(i)} for i in range(20000)]).encode())
    path = written(tmp_path / "b.gz", array[: len(array) // 2])
    assert len(values(path)) > 1000
    assert ["damaged gzip data" in bad.reason for bad in rejects(path)] == [True]


def test_what_is_no_object_is_rejected(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", b'{"q": 1}\n[1]\n"text"\nnull\n' + b"[" * 100_000 + b"\n")
    reasons = [bad.reason for bad in rejects(path)]
    assert reasons[:3] == [
        "found a JSON list; allowed: a JSON object",
        "found a JSON str; allowed: a JSON object",
        "found a JSON NoneType; allowed: a JSON object",
    ]
    assert reasons[3] == "found values nested too deeply; allowed: a JSON object"


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path: Path) -> None:
    assert values(written(tmp_path / "a.jsonl", b"\xef\xbb\xbf" + lines(ROWS))) == ROWS
    assert values(written(tmp_path / "b.json", b'\xef\xbb\xbf[{"q": 1}]')) == [{"q": 1}]


def test_a_file_that_cannot_be_read_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        values(tmp_path / "absent.json")
    with pytest.raises(DataError, match="UTF-16"):
        values(written(tmp_path / "wide.jsonl", '{"q": 1}'.encode("utf-16")))
    with pytest.raises(DataError, match="not a readable Parquet file"):
        values(written(tmp_path / "a.parquet", b"PAR1 torn"))
