"""The page as text: self-contained, escaped, complete."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from prmkit.report.embed import embed, script_json
from prmkit.report.write import report_page
from prmkit.store import StoredRun

MANY = 10_000


class Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page(made: StoredRun) -> str:
    return report_page([made], MANY)


def test_the_page_asks_for_nothing_from_outside(page: str) -> None:
    asked = [
        (tag, value)
        for tag, attributes in Elements(page).found
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "data") and not (value or "").startswith("#")
    ]
    assert asked == []
    assert "@import" not in page
    assert "url(" not in page


def test_the_policy_allows_the_page_s_own_script_alone(page: str) -> None:
    script = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page
    assert not [a for _, a in Elements(page).found if any(n.startswith("on") for n in a)]


def test_texts_are_escaped_wherever_the_page_shows_them(made: StoredRun) -> None:
    bad = "<img src=x onerror=alert(1)></script><!--"
    found = dict(made.report) | {"findings": [bad], "cost": {bad: {bad: bad}}}
    page = report_page([replace(made, report=found)], MANY)
    assert bad not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


@pytest.mark.parametrize("text", ["</script>", "<!--", "<script>", "]]>", "\u2028\u2029", "\ud800"])
def test_json_in_a_script_holds_no_markup_and_reads_back(text: str) -> None:
    made = script_json({"x": text})
    assert not set("<>&\u2028\u2029") & set(made)
    assert json.loads(made) == {"x": text.encode("utf-8", "replace").decode()}


def test_every_solution_is_embedded_once_with_its_labels(made: StoredRun) -> None:
    found = embed([made], MANY)
    facts = json.loads(found.facts)
    details = [detail for chunk in found.chunks for detail in json.loads(chunk)]
    solutions = [s for of_part in made.solutions.values() for s in of_part]
    assert [row[1] for row in facts["rows"]] == [s.solution_id for s in solutions]
    assert [detail["steps"] for detail in details] == [list(s.steps) for s in solutions]
    mc = {row.solution_id: row for row in made.mc}
    for row in facts["rows"]:
        annotation = mc.get(row[1])
        if annotation is None:
            assert row[10] is None
        else:
            assert row[10] == (-1 if annotation.first_error is None else annotation.first_error)


def test_of_too_many_solutions_some_are_shown_and_it_is_said(made: StoredRun) -> None:
    found = embed([made], 7)
    assert found.n_shown == len(json.loads(found.facts)["rows"]) == 7
    assert found.n_all > 7
    assert f"7 of {found.n_all} solutions" in report_page([made], most_solutions=7)


def test_an_unfinished_run_is_shown_and_called_unfinished(made: StoredRun) -> None:
    begun = replace(
        made, report={}, mc=[], judged={"train": [], "process": []}, consensus=[], dropped=[]
    )
    page = report_page([begun], MANY)
    assert "is not finished" in page
    assert "Finished so far: problems, solutions.train" in page
    assert "learnt from the labels" not in page


def test_several_runs_are_paired_over_shared_problems(made: StoredRun) -> None:
    page = report_page([made, made], MANY)
    assert "Run against run" in page
    # a run minus itself: no difference, on every figure
    (table,) = re.findall(r"over the problems that both have.*?</table>", page, re.DOTALL)
    assert "kept by the consensus filter" in table
    differences = re.findall(r"<td class=\"num[^>]*>([^<]*)<", table)[3::4]
    assert set(differences) == {"0.0"}


def test_a_cost_field_that_nobody_knew_of_is_shown(made: StoredRun) -> None:
    cost = {"rollouts": {"n_calls": 3, "draws_saved": {"verification": 12345}}}
    page = report_page([replace(made, report=dict(made.report) | {"cost": cost})], MANY)
    assert "draws saved verification" in page
    assert "12,345" in page


def test_best_of_n_at_every_n_is_drawn_and_listed(made: StoredRun) -> None:
    curves = made.report["best_of_n_by_size"]
    assert {"pass", "maj", "random", "mc product", "oracle last"} <= curves.keys()
    assert {len(curve) for curve in curves.values()} == {4}
    page = report_page([made], MANY)
    assert "Best-of-N, by N" in page
    (table,) = re.findall(r"Best-of-N at every N.*?</table>", page, re.DOTALL)
    heads = re.findall(r"<th scope=\"col\"[^>]*>([^<]*)<", table)
    assert heads == ["method", "N=1", "N=2", "N=3", "N=4"]
    older = {key: value for key, value in made.report.items() if key != "best_of_n_by_size"}
    assert "Best-of-N, by N" not in report_page([replace(made, report=older)], MANY)


def test_training_is_drawn_over_its_updates(made: StoredRun) -> None:
    def row(step: int, loss: float) -> dict[str, object]:
        of_validation = {"loss": loss, "step_accuracy": 0.7, "f1": 0.31}
        return {"step": step, "train_loss": loss + 0.1, "validation": of_validation}

    found = {
        "best_step": 24,
        "history": [row(12, 0.61), row(24, 0.43)],
        "train": {"n_rows": 1234, "n_labels": 99, "n_positive": 60, "rejected": [{}, {}]},
        "validation": {"n_rows": 17},
    }
    page = report_page([replace(made, training={"mc": found})], MANY)
    part = page[page.index('id="training"') :]
    assert "mc, training, 24: 0.53<" in part
    assert "mc, 12: 31.0<" in part  # no interval, for it has none
    (table,) = re.findall(r"<caption>Training.*?</table>", part, re.DOTALL)
    cells = re.findall(r"<td[^>]*>([^<]*)<", table)
    assert cells == ["mc", "1,234", "2", "99", "60", "24", "24", "17"]


def test_a_training_that_was_not_validated_or_left_nothing_is_shown_as_far_as_it_goes(
    made: StoredRun,
) -> None:
    found = {"history": [{"step": 5, "train_loss": 0.5, "validation": None}]}
    page = report_page([replace(made, training={"mc": found})], MANY)
    assert "mc, training, 5: 0.50<" in page
    assert 'id="training"' not in report_page([replace(made, training={})], MANY)


def test_a_prm_that_says_the_same_of_everything_is_not_the_best_one(made: StoredRun) -> None:
    rows = [
        {**row, "degenerate": "" if row["system"] == "oracle" else "never_an_error"}
        for row in made.report["processbench"]
    ]
    page = report_page([replace(made, report={**made.report, "processbench": rows})], MANY)
    tiles = re.findall(r"<div class=\"tile\">.*?</div>", page, re.DOTALL)
    (best,) = (tile for tile in tiles if "pick (product)" in tile)
    assert "<small>oracle; " in best
