import re
from pathlib import Path

import pytest

from prmkit.cli.docs import (
    PAGES,
    cli_markdown,
    main,
    recipe_markdown,
    record_types,
    records_markdown,
)
from prmkit.config import Recipe
from prmkit.records import Annotated, McAnnotation, Record, Solution

ROOT = Path(__file__).parents[2]


def test_the_committed_pages_are_fresh() -> None:
    assert main(["--check", "--root", str(ROOT)]) == 0


def test_a_stale_or_missing_page_fails_the_check_and_writing_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check", "--root", str(tmp_path)]) == 1
    assert "docs/records.md is stale; run: python -m prmkit.cli.docs" in capsys.readouterr().err
    assert not (tmp_path / "docs").exists()
    assert main(["--root", str(tmp_path)]) == 0
    assert main(["--check", "--root", str(tmp_path)]) == 0
    (tmp_path / "docs" / "records.md").write_text("old")
    assert main(["--check", "--root", str(tmp_path)]) == 1


def test_every_record_is_there_but_not_the_bases() -> None:
    kinds = record_types()
    assert Solution in kinds
    assert McAnnotation in kinds
    assert not {Record, Annotated} & set(kinds)
    page = records_markdown()
    assert all(f"\n## {kind.__name__}\n" in page for kind in kinds)
    assert page.endswith("|\n")


def test_every_key_of_a_recipe_and_every_command_is_there() -> None:
    recipe = recipe_markdown()
    assert "| `k` | a whole number, at least 1 | `8` |" in recipe
    assert all(f"\n| `{name}` |" in recipe for name in Recipe.model_fields)
    commands = cli_markdown()
    assert "## prm run" in commands
    assert "## prm synthetic pretrain" in commands
    assert "| `--set` |" in commands
    assert list(PAGES) == ["docs/records.md", "docs/recipe.md", "docs/cli.md"]


def test_a_field_shows_arrow_type_range_and_docstring() -> None:
    page = records_markdown()
    assert (
        "| `sample_index` | int64 | a whole number, at least 0 "
        "| Which sample of this policy on this problem. |"
    ) in page
    assert (
        "| `steps` | list of struct [StepEstimate](#stepestimate) | see there "
        "| Estimates from step 0 on, up to the last step looked at; "
        "ones skipped have no outcomes. |"
    ) in page


def test_every_field_of_every_record_has_a_docstring() -> None:
    silent = [
        f"{kind.__name__}.{name}"
        for kind in record_types()
        for name, field in kind.model_fields.items()
        if not field.description
    ]
    assert silent == []


def test_every_claim_names_a_test_or_a_benchmark_that_exists() -> None:
    rows = [
        line.rsplit("|", 2)[1]
        for line in (ROOT / "docs" / "claims.md").read_text().splitlines()
        if line.startswith("|") and not line.startswith(("| claim", "|---"))
    ]
    named = [name for row in rows for name in re.findall("`([^`]+)`", row)]
    assert len(rows) > 40
    assert len(named) >= len(rows)
    for name in named:
        if name.startswith("benchmarks/"):
            assert (ROOT / name).is_file(), name
            assert name in (ROOT / "docs" / "benchmarks.md").read_text(), name
        else:
            file, test = name.split(": ")
            assert f"\ndef {test}(" in (ROOT / "tests" / file).read_text(), name
