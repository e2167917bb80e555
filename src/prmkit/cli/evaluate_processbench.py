"""`prm evaluate processbench`: first errors of PRMs, outcome models and critics."""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from prmkit.cli.systems import System
    from prmkit.datasets.importing import Imported
    from prmkit.evaluation.matching import Matched
    from prmkit.evaluation.process_summary import Decision, ProcessSummary, Resampling
    from prmkit.records import BenchmarkCase


class Unreadable(StrEnum):
    """What a case without a readable prediction counts as."""

    WRONG = "wrong"
    APART = "apart"


def processbench(  # noqa: PLR0913  # a command's options are its arguments
    more: list[Path] = typer.Argument(None, help="More files of --data.", metavar="[FILE]..."),
    data: list[Path] = typer.Option(
        help="Cases: files in ProcessBench's schema, folders of them, or folders of `prm import`."
    ),
    predictions: list[str] = typer.Option(
        [],
        "--predictions",
        "--scores",
        metavar="[NAME=]FILE",
        help="Stored outputs, JSON lines of `id` with `prediction` (index, -1 = no error, null = "
        "unreadable) or `scores` (one a step). May be repeated: systems are compared.",
    ),
    prm: list[Path] = typer.Option([], help="PRM directory to score with. May be repeated."),
    by_prefixes: bool = typer.Option(
        False, "--by-prefixes", help="Score each prefix alone, as an outcome model is evaluated."
    ),
    critic: str | None = typer.Option(
        None, help="Critic: a model directory, `synthetic:judge`, or a server's name for it."
    ),
    votes: int = typer.Option(
        1,
        min=1,
        help="Critic: replies a case; 1 is greedy, more are drawn with temperature 1 and top_p 0.9 "
        "as ProcessBench's are.",
    ),
    prompt: str = typer.Option("compact", help="Critic: name of its prompt."),
    max_new_tokens: int = typer.Option(
        1024, min=1, help="Critic: tokens a reply; 8192 in ProcessBench's code."
    ),
    base_url: list[str] = typer.Option([], help="Critic: OpenAI-compatible server of the model."),
    tokenizer: str | None = typer.Option(
        None, help="Critic on a server: its tokenizer; default --critic, or the server's template."
    ),
    api_key_env: str | None = typer.Option(
        None, help="Critic on a server: the environment variable that holds the key."
    ),
    max_in_flight: int = typer.Option(
        256, min=1, help="Critic on a server: requests under way at once."
    ),
    threshold: float = typer.Option(0.5, help="A step that scores below it is called wrong."),
    choose_on: str | None = typer.Option(
        None, help="Choose the threshold on this subset of the data, e.g. gsm8k."
    ),
    validation: list[Path] = typer.Option(
        [], help="Choose the threshold on these other cases (with --validation-scores, or --prm)."
    ),
    validation_scores: Path | None = typer.Option(
        None, help="Stored scores of the validation cases."
    ),
    unreadable: Unreadable = typer.Option(
        Unreadable.WRONG, help="A null prediction is wrong, as officially, or left out (apart)."
    ),
    partial: bool = typer.Option(
        False, "--partial", help="Evaluate what fits if not everything does, and mark it."
    ),
    save: Path | None = typer.Option(None, help="Write a live system's outputs as JSON lines."),
    among_published: bool = typer.Option(
        False, "--published", help="Show where the systems stand among the literature's."
    ),
    seed: int = typer.Option(0, help="Seed of the resampling, and of a critic's replies."),
    resamples: int = typer.Option(10_000, min=100, help="Bootstrap draws over problems."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of tables."),
) -> None:
    """Find the first wrong step: error accuracy, correct accuracy, F1 a subset, and their mean.

    The subset is what stands before the id's last dash. A PRM's prediction is the first step below
    the threshold: 0.5, or --threshold, or one chosen on named cases. Stored outputs must fit the
    cases one to one; what does not is listed and refused, or left out and marked by --partial.

    Examples:

        prm evaluate processbench --data processbench/*.json --predictions mine.jsonl

        prm evaluate processbench --data gsm8k.json math.json --scores a=a.jsonl --scores b=b.jsonl

        prm evaluate processbench --data data/processbench --scores mine.jsonl --choose-on gsm8k

        prm evaluate processbench --data data/processbench --prm runs/toy/prms/mc --save s.jsonl

        prm evaluate processbench --data data/processbench --critic synthetic:judge --json

        prm evaluate processbench --data gsm8k.json --critic qwen --base-url http://localhost:8000/v1
    """
    from prmkit.cli.process_tables import print_process
    from prmkit.cli.published import print_among_published
    from prmkit.cli.systems import check_names, prm_system, stored_system
    from prmkit.datasets.cases import read_cases
    from prmkit.datasets.processbench import read_processbench
    from prmkit.errors import ConfigError
    from prmkit.evaluation.json_forms import process_report_json
    from prmkit.evaluation.process_summary import Resampling, compare_all, standing

    systems = [stored_system(named) for named in predictions]
    systems += [prm_system(directory, by_prefixes=by_prefixes) for directory in prm]
    where: dict[str, Any] = {
        "base_url": base_url,
        "tokenizer": tokenizer,
        "api_key_env": api_key_env,
    }
    if base_url:
        where["max_in_flight"] = max_in_flight
    systems += [_critic(critic, votes, prompt, max_new_tokens, seed, where)] if critic else []
    check_names(systems)
    if save is not None and (len(systems) > 1 or not systems[0].live):
        raise ConfigError("--save: keeps the outputs of one --prm or --critic")
    how = Resampling(seed, resamples, unreadable.value)
    cases = read_cases([*data, *(more or [])], read_processbench)
    chooser = _Chooser(threshold, choose_on, validation, validation_scores, len(systems))
    chooser.check()
    summaries = [
        _summary(system, cases, chooser, how, partial=partial, save=save) for system in systems
    ]
    comparisons = compare_all(summaries, how)
    if as_json:
        print(json.dumps(process_report_json(summaries, comparisons), indent=2))
    else:
        print_process(summaries, comparisons)
        if among_published:
            print_among_published("processbench", [standing(found) for found in summaries])


class _Chooser(NamedTuple):
    """How the threshold is found."""

    fixed: float
    subset: str | None
    validation: Sequence[Path]
    validation_scores: Path | None
    n_systems: int

    def check(self) -> None:
        """Find fault with the options, before any work."""
        from prmkit.cli.systems import check_threshold
        from prmkit.errors import ConfigError

        check_threshold(self.fixed)
        if self.subset and self.validation:
            raise ConfigError("--choose-on and --validation: give one of the two")
        if self.validation_scores and not self.validation:
            raise ConfigError("--validation-scores needs --validation, the cases that they score")
        if self.validation_scores and self.n_systems > 1:
            raise ConfigError("--validation-scores are of one system, but several are evaluated")

    def decision(self, system: "System", matched: "Matched", *, partial: bool) -> "Decision":
        """The threshold for one system."""
        from prmkit.cli.systems import stored_system
        from prmkit.datasets.cases import read_cases
        from prmkit.datasets.processbench import read_processbench
        from prmkit.errors import ConfigError
        from prmkit.evaluation.matching import match
        from prmkit.evaluation.process_summary import Decision, check_apart, choose_on

        if not matched.scored and self.n_systems > 1:
            return Decision(self.fixed)  # one of several, and it gave places: nothing to choose
        if self.subset:
            return choose_on(matched, f"subset {self.subset} of the same data", self.subset)
        if not self.validation:
            return Decision(self.fixed)
        if not system.live and self.validation_scores is None:
            raise ConfigError("--validation needs --validation-scores for stored outputs")
        named = ", ".join(str(path) for path in self.validation)
        cases = read_cases(self.validation, read_processbench)
        check_apart(cases.records, matched.cases)
        source = stored_system(str(self.validation_scores)) if self.validation_scores else system
        scored = match(cases, source.predict(cases.records))
        scored.coverage.check(named, partial=partial)
        return choose_on(scored, named)


def _summary(
    system: "System",
    cases: "Imported[BenchmarkCase]",
    chooser: _Chooser,
    how: "Resampling",
    *,
    partial: bool,
    save: Path | None,
) -> "ProcessSummary":
    from prmkit.cli.systems import save_predictions
    from prmkit.evaluation.matching import match
    from prmkit.evaluation.process_summary import summarise

    outputs = system.predict(cases.records)
    if save is not None:
        save_predictions(save, outputs.records)
    matched = match(cases, outputs)
    matched.coverage.check(system.source, partial=partial)
    decision = chooser.decision(system, matched, partial=partial)
    return summarise(system.name, matched, decision, how, partial=partial)


def _critic(  # options of the command, handed on
    model: str, votes: int, prompt: str, max_new_tokens: int, seed: int, where: dict[str, Any]
) -> "System":
    from pydantic import ValidationError

    from prmkit.cli.systems import critic_system
    from prmkit.config import JudgeConfig
    from prmkit.errors import ConfigError
    from prmkit.faults import first_fault
    from prmkit.generators.base import Sampling

    how = (0.0, 1.0) if votes == 1 else (1.0, 0.9)  # arXiv 2412.06559: open critics' votes
    sampling = Sampling(temperature=how[0], top_p=how[1], max_new_tokens=max_new_tokens)
    try:
        config = JudgeConfig(model=model, votes=votes, prompt=prompt, sampling=sampling, **where)
    except ValidationError as error:
        fault = first_fault(error, JudgeConfig)
        of_key = f"{fault.key}: " if fault.key else ""
        raise ConfigError(f"--critic: {of_key}{fault.problem}") from error
    return critic_system(config, seed)
