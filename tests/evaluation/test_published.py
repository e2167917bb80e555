from prmkit.evaluation.published import (
    BOARDS,
    SUBSETS,
    PublishedTable,
    Standing,
    published_tables,
    standings,
)

ROUNDING = 0.1001  # a printed F1 or mean may come from figures before they were rounded


def cells(table: PublishedTable) -> list[tuple[str, dict[str, float | None]]]:
    return [
        (f"{table.id}, {row.system}", dict(zip(table.columns, row.values, strict=True)))
        for row in table.rows
    ]


def test_every_published_f1_is_the_harmonic_mean_of_its_parts() -> None:
    n_checked = 0
    for table in published_tables():
        for name, row in cells(table):
            for subset in SUBSETS:
                error, correct = (row.get(f"{subset} {k}_accuracy") for k in ("error", "correct"))
                f1 = row.get(f"{subset} f1")
                if error is None or correct is None or f1 is None:
                    continue
                n_checked += 1
                assert abs(2 * error * correct / (error + correct) - f1) < ROUNDING, name
    assert n_checked == 4 * (3 + 4 + 18)


def test_every_published_average_is_the_plain_mean_of_its_row() -> None:
    n_checked = 0
    for table in published_tables():
        for name, row in cells(table):
            means = {"average": [c for c in table.columns if not c.startswith(("average", "all_"))]}
            means["average_f1"] = [f"{subset} f1" for subset in SUBSETS]
            for mean, parts in means.items():
                printed, values = row.get(mean), [row.get(part) for part in parts]
                known = [value for value in values if value is not None]
                if printed is None or not known or len(known) < len(values):
                    continue
                n_checked += 1
                assert abs(sum(known) / len(known) - printed) < ROUNDING, name
    assert n_checked > 100


def test_table_5_pooled_is_weighted_by_its_cases() -> None:
    table = next(t for t in published_tables() if t.id == "lessons-table-5")
    for name, row in cells(table):
        sizes = (7, 94, 161, 259)
        hits = [round(n * (row[s] or 0) / 100) for n, s in zip(sizes, SUBSETS, strict=True)]
        assert abs(100 * sum(hits) / 521 - (row["all_521"] or 0)) < ROUNDING, name


def test_what_is_corrected_was_wrong_as_printed_or_stands_right_elsewhere() -> None:
    corrected = [(table, c) for table in published_tables() for c in table.corrections]
    assert len(corrected) == 5
    for table, c in corrected:
        row = next(row for row in table.rows if row.system == c.system)
        assert table.value(row, c.column) == c.value
        assert table.printed(row, c.column) == c.printed
    table = next(t for t in published_tables() if t.id == "lessons-table-7")
    row = next(row for row in table.rows if row.system == "Llama-3.3-70B-Instruct")
    # 2 * 43.3 * 83.2 / 126.5 = 57.0 as printed, not the 59.4 beside it
    assert table.value(row, "math f1") == 59.4
    assert abs(2 * 43.3 * 83.2 / (43.3 + 83.2) - 59.4) > 2


def test_every_row_has_a_source_and_systems_keep_one_name() -> None:
    for table in published_tables():
        assert table.source
        if "see each row" in table.source:
            assert all(row.source for row in table.rows), table.id
        assert len({(row.system, row.data) for row in table.rows}) == len(table.rows), table.id


def test_ones_own_row_stands_among_the_literatures() -> None:
    own = Standing("mine", [70.0] * 4, 74.0, "here", own=True)
    ranked = standings(BOARDS["processbench"], [own])
    names = [row.system for row in ranked]
    assert names.index("ActPRM") < names.index("mine") < names.index("Qwen2.5-Math-PRM-7B")
    assert names[0] == "o1-mini"
    assert names.count("Qwen2.5-Math-PRM-72B") == 1


def test_every_board_finds_its_rows() -> None:
    sizes = {name: len(standings(board)) for name, board in BOARDS.items()}
    assert sizes["prmbench"] == 22  # one of 23 has no overall figure
    assert sizes["best-of-n"] == 14
    unverified = [r.source for r in standings(BOARDS["processbench"]) if "unverified" in r.source]
    assert len(unverified) == 1
