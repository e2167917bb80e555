"""The page in a browser: what a person sees and does."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from headless import Page, needs_chromium

from prmkit.records import JudgeAnnotation, Solution, StepEstimate, Verdict
from prmkit.report.write import report_page
from prmkit.store import StoredRun

pytestmark = needs_chromium

BAD = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "</script><!-- <style>*{display:none}</style> &lt; \u2028 ${1} ' \" \\u003c"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with Page() as page:
        yield page


@pytest.fixture(scope="module")
def file(made: StoredRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report_page([made], 10_000), encoding="utf-8")
    return path


def worst(made: StoredRun) -> tuple[StoredRun, str]:
    """The run with one solution whose every text is an attack."""
    first, *rest = made.solutions["train"]
    assert first.solution_id == made.mc[0].solution_id
    bad = Solution.model_validate(
        {**dict(first), "steps": tuple(BAD for _ in first.steps), "extracted": BAD, "policy": BAD}
    )
    problem = made.problems[first.problem_id].model_copy(update={"question": BAD, "answer": BAD})
    vote = Verdict(first_error=0, text=BAD)
    of_judge, *others = made.judged["train"]
    judged = JudgeAnnotation.model_validate({**dict(of_judge), "votes": (vote,), "judge": BAD})
    run = replace(
        made,
        solutions={**made.solutions, "train": [bad, *rest]},
        problems={**made.problems, problem.problem_id: problem},
        judged={**made.judged, "train": [judged, *others]},
    )
    return run, first.solution_id


def complaints(browser: Page) -> list[Any]:
    return [
        *browser.seen("Runtime.exceptionThrown"),
        *[e for e in browser.seen("Log.entryAdded") if e["entry"]["level"] == "error"],
    ]


def requests(browser: Page) -> list[str]:
    asked = [e["request"]["url"] for e in browser.seen("Network.requestWillBeSent")]
    return [url for url in asked if not url.startswith(("file:", "about:"))]


def test_hostile_texts_show_as_text(browser: Page, made: StoredRun, tmp_path: Path) -> None:
    run, solution_id = worst(made)
    file = tmp_path / "bad.html"
    file.write_text(report_page([run], 10_000), encoding="utf-8")
    browser.open(file, f"#explore?s=0%3A{solution_id.replace('/', '%2F')}")
    assert "prmkit report" in browser.run("document.title")
    assert browser.run("document.querySelector('.detail .text').textContent") == BAD
    assert browser.run("document.querySelector('.question').textContent") == BAD
    assert browser.run("document.querySelector('.verdict').textContent") == BAD
    assert BAD in browser.run("document.querySelector('.detail summary').textContent")
    # nothing of it became an element
    assert browser.run("document.querySelectorAll('.detail img, .detail script').length") == 0
    assert browser.run("document.querySelectorAll('script:not([type])').length") == 1
    assert complaints(browser) == []
    assert requests(browser) == []


def test_the_list_shows_every_solution_and_draws_few(browser: Page, file: Path) -> None:
    browser.open(file)
    n = browser.run("JSON.parse(document.getElementById('index').textContent).rows.length")
    assert browser.run("document.querySelector('.count').textContent") == f"{n} of {n}"
    assert browser.run("document.querySelectorAll('.item').length") < 60
    assert browser.run("parseFloat(document.querySelector('.pad').style.height)") == 52 * n
    assert complaints(browser) == []
    assert requests(browser) == []


def test_a_filter_keeps_what_it_says(browser: Page, file: Path, made: StoredRun) -> None:
    truth = {t.solution_id: t.first_error for rows in made.truth.values() for t in rows}
    wrong = sum(
        s.outcome.value == "correct" and truth.get(s.solution_id) is not None
        for rows in made.solutions.values()
        for s in rows
    )
    assert wrong > 0
    browser.open(file, "#explore?look=process")
    assert browser.run("document.querySelector('.count').textContent").startswith(f"{wrong} of")
    chips = browser.run("document.querySelector('.detail .chips').textContent")
    assert chips.startswith("right answer")
    assert browser.run("document.querySelectorAll('.detail tr.error').length") == 1


def test_search_looks_into_steps_and_finds_all_words(browser: Page, file: Path) -> None:
    browser.open(file, "#explore?q=boxed%20train-hard-00003")
    found = browser.run("[...document.querySelectorAll('.item .id')].map(e => e.textContent)")
    assert found
    assert all(name.startswith("train-hard-00003/") for name in found)
    browser.open(file, "#explore?q=no-such-word-anywhere")
    assert "No solution is like that" in browser.run(
        "document.querySelector('.detail').textContent"
    )


def test_a_deep_link_leads_to_its_solution_and_back(browser: Page, file: Path) -> None:
    name = "process-hard-00002/weak/0"
    browser.open(file, f"#explore?s=0%3A{name.replace('/', '%2F')}")
    assert browser.run("document.querySelector('.detail h3').textContent") == name
    assert browser.run("document.querySelector('.item.on .id').textContent") == name
    browser.press("j")
    after = browser.run("document.querySelector('.detail h3').textContent")
    assert after != name
    browser.open(file, browser.run("location.hash"))
    assert browser.run("document.querySelector('.detail h3').textContent") == after


def test_keys_move_search_and_let_go(browser: Page, file: Path) -> None:
    browser.open(file)
    first = browser.run("document.querySelector('.detail h3').textContent")
    browser.press("j")
    second = browser.run("document.querySelector('.detail h3').textContent")
    browser.press("k")
    assert browser.run("document.querySelector('.detail h3').textContent") == first != second
    browser.press("/")
    assert browser.run("document.activeElement.type") == "search"
    browser.press("j")  # a letter in the search box moves nothing
    assert browser.run("document.activeElement.value") == "j"
    browser.press("Escape")
    assert browser.run("document.activeElement.tagName") == "BODY"
    assert browser.run("document.querySelector('input[type=search]').value") == ""


def test_scores_of_all_prms_stand_beside_each_step(
    browser: Page, file: Path, made: StoredRun
) -> None:
    name = made.scores["mc"]["best_of_n"][0].solution_id
    browser.open(file, f"#explore?s=0%3A{name.replace('/', '%2F')}")
    heads = browser.run("[...document.querySelectorAll('.steps th')].map(e => e.textContent)")
    assert heads[2:] == ["truth", *made.arms]
    cells = browser.run("[...document.querySelectorAll('.steps td.v')].map(e => e.textContent)")
    scores = [made.scores[arm]["best_of_n"][0].scores for arm in made.arms]
    shown = [float(cell) for i, cell in enumerate(cells) if i % (1 + len(scores))]
    assert shown == pytest.approx([s[i] for i in range(len(scores[0])) for s in scores], abs=0.0051)


def test_shares_verdict_and_scores_of_the_same_steps_stand_side_by_side(
    browser: Page, file: Path, made: StoredRun
) -> None:
    labelled = {row.solution_id for row in made.scores["mc"]["labelled"]}
    browser.open(file)  # such a solution is what one sees first
    assert browser.run("document.querySelector('.detail h3').textContent") in labelled
    assert len(labelled) == 20
    browser.open(file, "#explore?look=all")
    assert browser.run("document.querySelector('.count').textContent").startswith("20 of")
    assert browser.run("document.querySelector('.detail h3').textContent") in labelled
    kept = labelled & {row.solution_id for row in made.consensus}
    for name, of_consensus in ((min(kept), "consensus *"), (min(labelled - kept), "consensus")):
        browser.open(file, f"#explore?look=all&s=0%3A{name.replace('/', '%2F')}")
        heads = browser.run("[...document.querySelectorAll('.steps th')].map(e => e.textContent)")
        # who learnt from a solution is marked; the filter kept it from one of the three
        assert heads[2:] == ["truth", "MC", "judge", "mc *", of_consensus, "oracle *"]
        said = browser.run("document.querySelector('.detail .note').textContent")
        assert ("mc, consensus, oracle" if name in kept else "mc, oracle") in said
        cells = browser.run("document.querySelectorAll('.steps tbody tr:first-child .v').length")
        assert cells == 6


def test_steps_that_were_not_looked_at_have_no_share(
    browser: Page, made: StoredRun, tmp_path: Path
) -> None:
    first, *rest = made.mc
    unseen = StepEstimate(outcomes=(), hard=None)
    steps = (unseen, *first.steps[1:])
    why = "refuted: step 1 is positive"
    skipped = first.model_copy(update={"steps": steps, "first_error": None, "unscored": why})
    file = tmp_path / "verified.html"
    file.write_text(report_page([replace(made, mc=[skipped, *rest])], 10_000), encoding="utf-8")
    browser.open(file, f"#explore?s=0%3A{first.solution_id.replace('/', '%2F')}")
    cells = "[...document.querySelectorAll('.steps td[data-name=MC]')].map(e => e.textContent)"
    shares = browser.run(cells)
    assert shares[0] == "·"
    assert shares[1] == f"{steps[1].n_correct}/{len(steps[1].outcomes)}"
    assert why in browser.run("document.querySelector('.detail .note').textContent")


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_screen(browser: Page, file: Path, width: int) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.call("Emulation.setDeviceMetricsOverride", **size)
    browser.open(file)
    assert browser.run("document.documentElement.scrollWidth") <= width
    browser.call("Emulation.clearDeviceMetricsOverride")
