"""What it takes to make a run again: commands, recipe, seed, versions, counts."""

import shlex
from typing import NamedTuple

from prmkit.analysis.result import Cell, Column, Table
from prmkit.report.stored import stages_in_order
from prmkit.store import StoredRun
from prmkit.strict_yaml import write_value


class Reproduce(NamedTuple):
    """A run's settings, for a page."""

    facts: list[tuple[str, str]]
    commands: str
    recipe: str
    versions: Table
    counts: Table


def reproduce(run: StoredRun) -> Reproduce:
    """Everything from the manifest."""
    manifest = run.manifest
    last = manifest.environments[-1]
    code = last.commit or "not from a checkout"
    name = run.name
    command = "prm rollout" if run.only_labels else "prm run"
    return Reproduce(
        facts=[
            ("recipe", str(run.recipe.get("name", ""))),
            ("seed", str(manifest.seed)),
            ("started", manifest.created),
            ("recipe digest", manifest.recipe_digest),
            ("prmkit", f"{last.prmkit}, commit {code}{', changed' if last.dirty else ''}"),
            ("Python", f"{last.python} on {last.platform}"),
        ],
        commands="\n".join(
            [
                f"# save the recipe below as {name}.yaml, then",
                f"{command} {shlex.quote(name + '.yaml')} --out {shlex.quote('runs/' + name)}",
                f"prm report {shlex.quote('runs/' + name)}",
            ]
        ),
        recipe=write_value(dict(run.recipe)),
        versions=_versions(run),
        counts=_counts(run),
    )


def _versions(run: StoredRun) -> Table:
    environments = run.manifest.environments
    names = list(dict.fromkeys(name for e in environments for name in e.libraries))
    rows: list[tuple[Cell, ...]] = [
        ("prmkit", *(e.prmkit for e in environments)),
        ("commit", *(f"{e.commit or '-'}{' changed' if e.dirty else ''}" for e in environments)),
        ("Python", *(e.python for e in environments)),
        ("platform", *(e.platform for e in environments)),
        *((name, *(e.libraries.get(name) for e in environments)) for name in names),
    ]
    starts = [f"start {i + 1}" if i else "first start" for i in range(len(environments))]
    columns = (Column(name="library"), *(Column(name=name) for name in starts))
    return Table(title="Code and libraries", columns=columns, rows=tuple(rows))


def _counts(run: StoredRun) -> Table:
    stages = run.manifest.stages
    rows = tuple(
        (
            stage,
            ", ".join(
                f"{n:,} {word.replace('_', ' ')}" for word, n in stages[stage].counts.items()
            ),
        )
        for stage in stages_in_order(stages)
    )
    columns = (Column(name="stage"), Column(name="counts"))
    return Table(title="Stages", columns=columns, rows=rows)
