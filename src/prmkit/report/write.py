"""Runs to one HTML page that needs nothing else: no network, no other file.

The page's script may run by its hash alone (Content-Security-Policy), texts of models are escaped
in HTML and in JSON, and the script puts them into the page as text.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any, NamedTuple

import prmkit
from prmkit.analysis.literature import literature
from prmkit.analysis.questions import QUESTIONS
from prmkit.analysis.result import Analysis, Figure, Table
from prmkit.analysis.runs import compare_runs
from prmkit.errors import MissingExtra
from prmkit.report import stored, training
from prmkit.report.charts import svg_of
from prmkit.report.embed import embed
from prmkit.report.flow import flow
from prmkit.report.reproduce import reproduce
from prmkit.report.summary import lead, tiles, warnings
from prmkit.report.words import FEW, UNIT_WORDS, Shown, shown
from prmkit.store import StoredRun

_MANY_ROWS = 12
_GROUPS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "labels": (
        "How good are the labels?",
        "A label is the place of a solution's first wrong step, or that there is none.",
        ("filtering", "threshold", "soft-labels"),
    ),
    "prms": (
        "How good are the PRMs?",
        "",
        ("sources", "detection", "aggregation"),
    ),
    "biases": (
        "Biases",
        "What a PRM's scores depend on besides whether steps are right.",
        ("process-errors", "position", "length", "calibration", "drift"),
    ),
}
"""Sections with the questions that they answer."""


class ShownTable(NamedTuple):
    """A table, ready for the template."""

    title: str
    unit: str
    columns: list[str]
    numeric: list[bool]
    rows: list[list[Shown]]


class ShownFigure(NamedTuple):
    """A figure, ready for the template."""

    title: str
    run: str
    svg: Any


class Block(NamedTuple):
    """A section or a part of one."""

    id: str
    title: str
    about: str
    source: str
    figures: list[ShownFigure]
    tables: list[ShownTable]
    more: list[ShownTable]
    """Tables behind a line to click: what the figures show already."""
    notes: list[str]
    literature: list[ShownTable]
    """What was published about the same question."""
    parts: list["Block"]


def report_page(
    runs: Sequence[StoredRun], most_solutions: int, resamples: int | None = None
) -> str:
    """Make the page.

    Args:
        runs: At least one; several stand side by side.
        most_solutions: Solutions that the step explorer holds at most.
        resamples: Bootstrap resamples of the analyses; None = each run's own.

    Raises:
        MissingExtra: jinja2 is not installed.
    """
    template = _template()
    script = _file("explorer.js")
    sections = list(_sections(runs, resamples))
    explorer = embed(runs, most_solutions)
    fixed = ("flow", "Data"), *((s.id, _NAV.get(s.id, s.title)) for s in sections)
    return str(
        template.render(
            title=" and ".join(_title(run) for run in runs) if len(runs) < 4 else "Runs",
            lead=lead(runs),
            warnings=list(warnings(runs)),
            few=FEW,
            nav=[
                {"id": i, "title": t}
                for i, t in (*fixed, ("explorer", "Every step"), ("reproduce", "Reproduce"))
            ],
            summaries=[
                {
                    "name": run.name,
                    "tiles": tiles(run),
                    "findings": run.report.get("findings", []),
                }
                for run in runs
            ],
            flows=[{"name": run.name, "groups": flow(run)} for run in runs],
            sections=sections,
            explorer_about=_explorer_about(explorer.n_shown, explorer.n_all),
            settings=[_settings(run) for run in runs],
            version=prmkit.__version__,
            style=_markup(_file("chart.css") + _file("style.css")),
            script=_markup(script),
            script_hash=_markup(
                base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            ),
            index=_markup(explorer.facts),
            chunks=[_markup(chunk) for chunk in explorer.chunks],
        )
    )


_NAV = {"labels": "Labels", "prms": "PRMs", "biases": "Biases", "cost": "Cost", "runs": "Runs"}


def _title(run: StoredRun) -> str:
    name = str(run.recipe.get("name", run.name))
    return name if name == run.name else f"{name} ({run.name})"


def _explorer_about(n_shown: int, n_all: int) -> str:
    held = (
        f"All {n_all:,} solutions"
        if n_shown == n_all
        else f"{n_shown:,} of {n_all:,} solutions, chosen by a hash of their ids,"
    )
    return (
        f"{held} with every step's Monte-Carlo draws, the judge's verdict and words, the truth "
        "where it is known, and each PRM's scores. A ring marks the step that an annotator calls "
        "the first error. The address of this page always leads to the solution that is shown."
    )


def _sections(runs: Sequence[StoredRun], resamples: int | None) -> Iterator[Block]:
    if len(runs) > 1:
        yield _side_by_side(runs, resamples)
    if all(run.only_labels for run in runs):
        yield _given_labels(runs)
        yield _cost(runs)
        return
    for name, (title, about, questions) in _GROUPS.items():
        figures, tables, more = _stored(name, runs)
        parts = [_asked(question, runs, resamples) for question in questions]
        if name == "prms" and any(run.training for run in runs):
            parts.append(_training(runs))
        known = _literature("evaluation") if name == "prms" else []
        yield Block(name, title, about, "", figures, tables, more, [], known, parts)
    yield _cost(runs)


def _given_labels(runs: Sequence[StoredRun]) -> Block:
    """All that there is to say of runs of `prm rollout`, whose solutions nobody else looked at."""
    named = [(run, run.name if len(runs) > 1 else "") for run in runs]
    found = [_table(t, name) for run, name in named if (t := stored.given_table(run))]
    return Block(
        id="labels",
        title="How do the labels compare?",
        about="A label is the place of a solution's first wrong step, or that there is none.",
        source="",
        figures=[],
        tables=found,
        more=[],
        notes=[] if found else ["No labels came with the solutions, so there is nothing beside."],
        literature=[],
        parts=[],
    )


def _training(runs: Sequence[StoredRun]) -> Block:
    named = [(run, run.name if len(runs) > 1 else "") for run in runs]
    return Block(
        id="training",
        title="How training went",
        about=training.ABOUT,
        source="diagnostics",
        figures=[f for run, name in named for f in _figures(training.training_figures(run), name)],
        tables=[_table(t, name) for run, name in named if (t := training.training_table(run))],
        more=[],
        notes=[],
        literature=[],
        parts=[],
    )


def _cost(runs: Sequence[StoredRun]) -> Block:
    named = [(run, run.name if len(runs) > 1 else "") for run in runs]
    by_stage = [_table(t, name) for run, name in named if (t := stored.cost_table(run))]
    by_model = [_table(t, name) for run, name in named if (t := stored.spent_table(run))]
    basis = dict.fromkeys(str(run.cost["basis"]) for run in runs if "basis" in run.cost)
    return Block(
        id="cost",
        title="Cost",
        about="Tokens as the models counted them and seconds on the clock, all resumes together; "
        "what a kill cut off is not in the seconds.",
        source="",
        figures=[],
        tables=by_stage + by_model,
        more=[],
        notes=[f"The estimate: {said}" for said in basis]
        or ([] if by_stage else ["Nothing was counted yet."]),
        literature=[],
        parts=[],
    )


def _side_by_side(runs: Sequence[StoredRun], resamples: int | None) -> Block:
    """Every run against the first one."""
    first, *others = runs
    tables = [compare_runs(first, other, resamples) for other in others]
    notes = [] if all(t.rows for t in tables) else ["Some runs share no problem with the first."]
    return Block(
        id="runs",
        title="Run against run",
        about="Both runs on the same resamples of the problems that they share; the solutions of a "
        "problem may differ. F1 here is over all splits together, so that it needs no case of each "
        "kind in every split.",
        source="",
        figures=[],
        tables=[_table(table) for table in tables if table.rows],
        more=[],
        notes=notes,
        literature=[],
        parts=[],
    )


def _stored(
    name: str, runs: Sequence[StoredRun]
) -> tuple[list[ShownFigure], list[ShownTable], list[ShownTable]]:
    """A section's figures and tables from report.json."""
    figures: list[ShownFigure] = []
    tables: list[ShownTable] = []
    more: list[ShownTable] = []
    for run in runs:
        of = run.name if len(runs) > 1 else ""
        if name == "labels":
            figures += _figures(stored.label_figures(run), of)
            found = [_table(t, of) for t in stored.label_tables(run)]
            tables += found[:1]
            more += found[1:]
        if name == "prms":
            figures += _figures(stored.process_figures(run), of)
            figures += _figures(stored.best_of_n_figures(run), of)
            figures += _figures(stored.size_figures(run), of)
            tables += [_table(t, of) for t in (stored.process_table(run),) if t]
            others = (
                stored.best_of_n_table(run),
                stored.size_table(run),
                stored.difference_table(run),
                stored.policy_table(run),
            )
            more += [_table(t, of) for t in others if t]
    return figures, tables, more


def _asked(question: str, runs: Sequence[StoredRun], resamples: int | None) -> Block:
    """One analysis of every run."""
    answers = [(run, QUESTIONS[question](run, resamples)) for run in runs]
    several, first = len(runs) > 1, answers[0][1]
    figures = [f for run, a in answers for f in _figures(a.figures, run.name if several else "")]
    tables = [t for run, a in answers for t in _tables(a, run.name if several else "")]
    notes = [f"{run.name}: {note}" if several else note for run, a in answers for note in a.notes]
    shown_first = tables[:1] if len(tables[:1]) and len(tables[0].rows) <= _MANY_ROWS else []
    return Block(
        id=question,
        title=first.title,
        about=first.about,
        source=first.source,
        figures=figures,
        tables=shown_first,
        more=tables[len(shown_first) :],
        notes=list(dict.fromkeys(notes)),
        literature=_literature(question),
        parts=[],
    )


def _literature(question: str) -> list[ShownTable]:
    return [_table(table) for table in literature(question)]


def _figures(figures: Sequence[Figure] | Iterator[Figure], run: str) -> list[ShownFigure]:
    drawn = [(figure, svg_of(figure)) for figure in figures]
    return [ShownFigure(figure.title, run, _markup(svg)) for figure, svg in drawn if svg]


def _tables(analysis: Analysis, run: str) -> Iterator[ShownTable]:
    return (_table(table, run) for table in analysis.tables if table.rows)


def _table(table: Table, run: str = "") -> ShownTable:
    """A table without the columns in which nothing is said."""
    said = [i for i in range(len(table.columns)) if any(row[i] != "" for row in table.rows)]
    columns = [table.columns[i] for i in said]
    rows = [[shown(row[i], table.columns[i].unit) for i in said] for row in table.rows]
    return ShownTable(
        title=f"{table.title}: {run}" if run else table.title,
        unit=_units(table),
        columns=[column.name for column in columns],
        numeric=[any(row[i].is_number for row in rows) for i in range(len(columns))],
        rows=rows,
    )


def _units(table: Table) -> str:
    """In what the table's estimates are, if they are all in one unit."""
    units = {
        UNIT_WORDS[column.unit]
        for i, column in enumerate(table.columns)
        if any(not isinstance(row[i], str | int | None) for row in table.rows)
    }
    return ", ".join(sorted(units - {""}))


def _settings(run: StoredRun) -> dict[str, Any]:
    found = reproduce(run)
    return {
        "name": run.name,
        "facts": found.facts,
        "commands": found.commands,
        "recipe": found.recipe,
        "versions": _table(found.versions),
        "counts": _table(found.counts),
    }


def _file(name: str) -> str:
    return (resources.files("prmkit.report") / "page" / name).read_text(encoding="utf-8")


def _template() -> Any:
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise MissingExtra.of("jinja2", "report") from error
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file("report.html.j2"))


def _markup(text: str) -> Any:
    """Text that is HTML, style, script or escaped JSON already; never a model's."""
    from markupsafe import Markup

    return Markup(text)
