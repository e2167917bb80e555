from io import StringIO

from rich.console import Console

from prmkit.cli.tables import new_table


def test_no_figure_is_cut_short_where_a_terminal_is_narrow() -> None:
    table = new_table("Labels", "labels", "wrong", "missed")
    table.add_row("mc", "58.2 [53.6, 62.8]", "13.7 [10.8, 16.7]")
    shown = StringIO()
    Console(file=shown, width=34).print(table)
    assert "…" not in shown.getvalue()
    for part in ("58.2", "[53.6,", "62.8]", "13.7", "[10.8,", "16.7]"):
        assert part in shown.getvalue()
