"""What a run found: the content of report.json, computed from its tables.

Every number is an `Estimate` or a plain count. A figure that has no scored case behind it is null.
Seconds are not here but in timing.json: the report of a run that was killed and resumed is equal to
the byte to that of one that was not.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from prmkit.evaluation.agreement import KINDS, SAME, Kind, share_of_kinds
from prmkit.evaluation.processbench import ProcessResult
from prmkit.intervals import Bootstrap
from prmkit.records import Annotated, Estimate, Outcome, Record, Solution


class LabelQuality(Record):
    """How one source's first errors compare with the exact truth. Shares of labelled solutions."""

    wrong: Estimate | None
    """Share whose first error is placed elsewhere than the truth places it."""
    missed: Estimate | None
    """Share with an error that is called free of errors."""
    invented: Estimate | None
    """Share without error that is given one."""
    too_early: Estimate | None
    """Share whose error is placed before the true one."""
    too_late: Estimate | None
    """Share whose error is placed after the true one."""
    error_accuracy: Estimate | None
    """Of solutions with an error, the share placed exactly."""
    correct_accuracy: Estimate | None
    """Of solutions without error, the share called free of errors."""
    n_unscored: int
    """Solutions that the source could not label."""


class PolicyQuality(Record):
    """One policy on one split."""

    accuracy: Estimate | None
    """Share of solutions with a right final answer."""
    process_error: Estimate | None
    """Share of the right-answer solutions with a wrong step (paper, Figure 6); null where the truth
    is not known."""


class SplitF1(Record):
    """ProcessBench's figures on one split, in [0, 1]."""

    error_accuracy: Estimate
    """Share of wrong solutions whose first error is found exactly."""
    correct_accuracy: Estimate
    """Share of right solutions in which none is found."""
    f1: Estimate
    """Harmonic mean of the two."""


class ProcessRow(Record):
    """One system on the ProcessBench-style set."""

    system: str
    """An arm's name, or `judge`."""
    degenerate: str
    """Why its predictions say nothing; empty if they do."""
    splits: dict[str, SplitF1]
    """By split; empty where a split lacks scored cases of either kind."""
    mean_f1: Estimate | None
    """Plain mean over splits."""
    n_unscored: int
    """Solutions without a prediction."""


class Comparison(Record):
    """Difference of two systems, paired over problems."""

    figure: str
    """What differs, e.g. `F1`."""
    a: str
    """The first system."""
    b: str
    """The second."""
    difference: Estimate
    """First minus second."""
    resolved: bool
    """Whether the interval excludes 0."""


class Distinct(Record):
    """Whether completions of the same prefix differ (see `prmkit.pipeline.distinct`)."""

    share: Estimate
    """Distinct completions of all completions, over prefixes completed at least twice."""
    n_prefixes: int = Field(ge=1)
    """Such prefixes."""
    n_distinct: int = Field(ge=1)
    """Distinct completions, each prefix for itself; `share.n` is the number of all."""
    too_few: bool
    """Whether draws after a prefix's first bring a new text less often than a stated bound."""


class Cost(Record):
    """Tokens of one stage. Which prompt tokens were cached depends on the batch: see the tables."""

    n_calls: int = Field(ge=0)
    """Completions drawn."""
    prompt_tokens: int = Field(ge=0)
    """Prompt tokens, cached or not."""
    generated_tokens: int = Field(ge=0)
    """Tokens written."""


class ModelCost(Record):
    """What one model did for the labels."""

    work: str
    """`rollouts` or `judge`."""
    model: str
    """A policy's name, or the judge's model."""
    n_calls: int = Field(ge=0)
    """Completions drawn."""
    prompt_tokens: int = Field(ge=0)
    """Prompt tokens, cached or not."""
    generated_tokens: int = Field(ge=0)
    """Tokens written."""
    parameters: float | None
    """Of the model; null where neither weights nor name tell."""
    operations: float | None
    """2 x parameters x tokens, prompt and generated, as if no prefix were shared."""


class LabelCost(Record):
    """What labels cost: rollouts and the judge together (see `prmkit.pipeline.label_cost`)."""

    models: list[ModelCost]
    """By model."""
    n_labelled_steps: int = Field(ge=0)
    """Steps that Monte Carlo labels, up to the first error."""
    n_labelled_solutions: int = Field(ge=0)
    """Solutions whose first error it places."""
    n_kept_solutions: int = Field(ge=0)
    """Solutions that the consensus filter kept."""
    per: dict[str, dict[str, Estimate]]
    """By unit (`labelled step`, `labelled solution`, `kept solution`), then `rollouts`,
    `prompt_tokens`, `generated_tokens`, `operations`; a unit of which there is none is absent."""
    n_draws: int = Field(ge=0)
    """Rollouts made."""
    n_certificate_draws: int = Field(ge=0)
    """The fewest that prove the same kept set from the same outcomes; a lower bound where the
    annotator did not look at every step."""
    draws_over_certificate: Estimate | None
    """Ratio of the two; null where no draw is needed."""


class Report(Record):
    """The content of report.json."""

    name: str
    """The recipe's."""
    seed: int
    """The recipe's."""
    recipe_digest: str
    """SHA-256 of the resolved recipe."""
    counts: dict[str, dict[str, int]]
    """What each stage made, by stage."""
    policies: dict[str, dict[str, PolicyQuality]]
    """By policy, then split."""
    labels: dict[str, LabelQuality]
    """By source: mc, judge, consensus; none where the truth is not known."""
    labels_by_outcome: dict[str, dict[str, LabelQuality]]
    """The same, for solutions with a right and with a wrong final answer."""
    kept: Estimate | None
    """Share of labelled solutions that the consensus filter kept."""
    processbench: list[ProcessRow]
    """By system."""
    processbench_left_out: list[str]
    """Splits without solutions of both kinds, on which F1 has no value."""
    processbench_comparisons: list[Comparison]
    """Mean F1 of every two systems."""
    best_of_n: dict[str, Estimate]
    """By method, over all splits."""
    best_of_n_splits: dict[str, dict[str, Estimate]]
    """By split, then method."""
    best_of_n_by_size: dict[str, list[Estimate | None]] = Field(default_factory=dict)
    """By method, for N = 1 up to all samples: the mean over all subsets of N samples."""
    best_of_n_comparisons: list[Comparison]
    """Each PRM (product) against maj@N."""
    distinct: dict[str, Distinct] = Field(default_factory=dict)
    """By model and what it drew, e.g. `strong: rollouts`; none where nothing is drawn twice."""
    cost: dict[str, Cost]
    """Tokens by stage."""
    label_cost: LabelCost | None = None
    """What a label costs; null in reports that are older than this field."""
    findings: list[str] = Field(default_factory=list)
    """The same in words; a difference within its interval is said to be none."""


class Labelled(NamedTuple):
    """One solution's label beside the truth."""

    problem_id: str
    outcome: Outcome
    label: int | None
    truth: int | None


def beside_truth(
    labels: Iterable[Annotated],
    truth: Mapping[str, int | None],
    solutions: Mapping[str, Solution],
) -> list[Labelled]:
    """Pair scored labels with the truth."""
    return [
        Labelled(
            solutions[row.solution_id].problem_id,
            solutions[row.solution_id].outcome,
            row.first_error,
            truth[row.solution_id],
        )
        for row in labels
        if not row.unscored
    ]


def label_quality(rows: Sequence[Labelled], n_unscored: int, interval: Bootstrap) -> LabelQuality:
    """Compare one source's labels with the truth, as `evaluation.agreement` does two annotators."""
    places = [(r.problem_id, r.label, r.truth) for r in rows]

    def share(*kinds: Kind) -> Estimate | None:
        return share_of_kinds(places, set(kinds), interval) if places else None

    def hit(*, has_error: bool) -> Estimate | None:
        own = [r for r in rows if (r.truth is not None) == has_error]
        return interval.share((r.problem_id, r.label == r.truth) for r in own)

    return LabelQuality(
        wrong=share(*(kind for kind in KINDS if kind not in SAME)),
        missed=share("only b"),
        invented=share("only a"),
        too_early=share("a earlier"),
        too_late=share("a later"),
        error_accuracy=hit(has_error=True),
        correct_accuracy=hit(has_error=False),
        n_unscored=n_unscored,
    )


def policy_quality(
    solutions: Sequence[Solution], truth: Mapping[str, int | None], interval: Bootstrap
) -> PolicyQuality:
    """Accuracy, and the share of right answers with a wrong process; unscored ones are counted.

    Solutions that `truth` does not hold take no part in the latter.
    """
    scored = [s for s in solutions if s.outcome is not Outcome.UNSCORED]
    right = [s for s in scored if s.outcome is Outcome.CORRECT]
    return PolicyQuality(
        accuracy=interval.share(
            ((s.problem_id, s.outcome is Outcome.CORRECT) for s in scored),
            len(solutions) - len(scored),
        ),
        process_error=interval.share(
            (s.problem_id, truth[s.solution_id] is not None)
            for s in right
            if s.solution_id in truth
        ),
    )


def split_figures(result: ProcessResult) -> dict[str, SplitF1]:
    """An evaluation's splits as records."""
    return {
        split: SplitF1(
            error_accuracy=figures.error_accuracy,
            correct_accuracy=figures.correct_accuracy,
            f1=figures.f1,
        )
        for split, figures in result.subsets.items()
    }
