"""The page's first screen: what the run was, in sentences and a few large numbers."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from prmkit.analysis.stored_figures import best_of_n_of, estimate_at, process_row
from prmkit.records import Estimate
from prmkit.report.stored import costs_by_stage, stages_in_order
from prmkit.report.words import FEW, duration, number, shown
from prmkit.store import StoredRun


class Tile(NamedTuple):
    """A large number."""

    value: str
    label: str
    detail: str


def lead(runs: Sequence[StoredRun]) -> str:
    """What the page is about, in a sentence or two."""
    if len(runs) > 1:
        return (
            f"{len(runs)} runs side by side: {', '.join(run.name for run in runs)}. Differences "
            "between them are paired over the problems that they share."
        )
    (run,) = runs
    if run.only_labels:
        return _of_rollouts(run)
    world = "the synthetic world, where a program knows the truth of every step"
    is_synthetic = run.recipe.get("problems", {}).get("source") == "synthetic"
    where = world if is_synthetic else "imported data"
    sampled = f"{len(run.solutions['train']):,} solutions were sampled in {where}"
    if not run.report:
        done = ", ".join(stages_in_order(run.manifest.stages)) or "nothing"
        return f"{sampled}; the run is under way or was interrupted. Finished so far: {done}."
    k, n_arms = run.recipe.get("rollouts", {}).get("k"), len(run.arms)
    trained = {
        0: "no PRM was trained",
        1: "a PRM learnt from the labels and was evaluated on other problems",
    }.get(n_arms, f"{n_arms} PRMs learnt from the labels and were evaluated on other problems")
    return (
        f"{sampled}, labelled by Monte Carlo (at most {k} draws a step) and by a judge, and "
        f"filtered by their consensus; {trained}."
    )


def _of_rollouts(run: StoredRun) -> str:
    """A run of `prm rollout` in a sentence or two."""
    k = run.recipe.get("rollouts", {}).get("k")
    said = (
        f"{len(run.solutions['train']):,} given solutions, labelled by Monte Carlo (at most {k} "
        "draws a step)"
    )
    if not run.report:
        return f"{said}; the run is under way or was interrupted."
    beside = f" {len(run.given):,} of them came with labels, shown beside." if run.given else ""
    return f"{said}. No judge was asked and no PRM was trained.{beside}"


def warnings(runs: Sequence[StoredRun]) -> Iterator[str]:
    """What a reader has to know before any number."""
    for run in runs:
        if not run.report:
            yield (
                f"Run {run.name} is not finished: it has no report.json. What it has is shown; "
                "run the same prm run command again to go on."
            )
        if len(run.manifest.environments) > 1:
            yield (
                f"Run {run.name} was resumed with other code or libraries; see its "
                "versions at the end."
            )
        if any(e.dirty for e in run.manifest.environments):
            yield f"Run {run.name}: its code differed from its commit."


def tiles(run: StoredRun) -> list[Tile]:
    """The numbers that a reader looks for first; what is not known is left out."""
    return [tile for tile in _tiles(run) if tile is not None]


def _tiles(run: StoredRun) -> Iterator[Tile | None]:
    yield Tile(f"{len(run.mc):,}", "solutions labelled step by step", _split_words(run))
    yield _share("with an error, by Monte Carlo", estimate_at(run.report.get("with_error")))
    yield _share(
        "first errors as in the labels given", estimate_at(run.report.get("same_as_given"))
    )
    yield _share("kept by the consensus filter", estimate_at(run.report.get("kept")))
    labels = run.report.get("labels")
    yield _share("of Monte-Carlo labels are wrong", estimate_at(labels, "mc", "wrong"))
    yield _share("of consensus labels are wrong", estimate_at(labels, "consensus", "wrong"))
    yield _best("mean F1 of the best PRM", {a: _f1(run, a) for a in run.arms if not _unfit(run, a)})
    yield _best(
        "right by the best PRM's pick (product)",
        {arm: best_of_n_of(run, arm, "product") for arm in run.arms if not _unfit(run, arm)},
    )
    best_of = run.recipe.get("evaluation", {}).get("best_of")
    majority = estimate_at(run.report.get("best_of_n"), f"maj@{best_of}")
    yield _share(f"right by majority of {best_of}", majority)
    seconds = sum(entry.get("seconds", 0.0) for entry in run.timing.values())
    if seconds:
        tokens = sum(c.get("generated_tokens", 0) for c in costs_by_stage(run).values())
        said = f"{tokens:,} tokens generated" if tokens else ""
        label = "from problems to report" if run.report else "spent so far"
        yield Tile(duration(seconds), label, said)


def _split_words(run: StoredRun) -> str:
    splits = {p.split for p in run.problems.values()}
    return f"{len(run.problems):,} problems in {len(splits)} split{'s' if len(splits) > 1 else ''}"


def _f1(run: StoredRun, arm: str) -> Estimate | None:
    return estimate_at(process_row(run, arm), "mean_f1")


def _unfit(run: StoredRun, arm: str) -> bool:
    return bool(process_row(run, arm).get("degenerate"))


def _share(label: str, estimate: Estimate | None) -> Tile | None:
    if estimate is None:
        return None
    return Tile(f"{number(estimate.value, 'percent')} %", label, _detail(estimate))


def _best(label: str, found: dict[str, Estimate | None]) -> Tile | None:
    """The highest of several; that it was chosen among them is said."""
    known = {name: e for name, e in found.items() if e is not None}
    if not known:
        return None
    name = max(known, key=lambda n: known[n].value)
    chosen = f"{name}, chosen among {len(known)}" if len(known) > 1 else name
    said = f"{chosen}; {_detail(known[name])}"
    return Tile(f"{number(known[name].value, 'percent')} %", label, said)


def _detail(estimate: Estimate) -> str:
    _, interval, n, *_ = shown(estimate, "percent")
    return f"{interval}, {n}{', too few to rely on' if estimate.n < FEW else ''}"
