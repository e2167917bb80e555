"""docs/datasets.md says of every format what the table of formats says."""

import re
from pathlib import Path

from prmkit.datasets.formats import FORMATS
from prmkit.datasets.prm800k import Prm800kOptions
from prmkit.datasets.problems import PROBLEM_SETS

PAGE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")


def test_every_format_has_a_command_on_the_page() -> None:
    assert set(re.findall(r"prm import ([a-z]\w+) ", PAGE)) == set(FORMATS)


def test_every_problem_set_has_its_splits_with_the_expected_rows() -> None:
    rows = re.findall(r"\| `prm import (\w+) .*?` \| (\w+) \| ([\d,]+) \|", PAGE)
    stated = {(name, split): int(n.replace(",", "")) for name, split, n in rows}
    assert stated == {
        (name, split): n
        for name, problem_set in PROBLEM_SETS.items()
        for split, n in problem_set.splits.items()
    }


def test_every_option_of_prm800k_is_there_with_its_values() -> None:
    for name, field in Prm800kOptions.model_fields.items():
        (values,) = re.findall(rf"\| `{name}` \| (.*?) \|", PAGE)
        assert values == ", ".join(f"`{value}`" for value in field.annotation.__args__)  # type: ignore[union-attr]
