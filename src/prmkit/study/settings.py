"""The settings of a label-cost study: who draws, how many rollouts, and what becomes of them.

All settings of a run see the same stored draws (`rollouts.replay`), so they differ in what they
look at and in what they pay for, and in nothing else.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from prmkit.config import RolloutConfig
from prmkit.consensus import build_consensus
from prmkit.errors import ConfigError
from prmkit.records import LabelledSolution, McAnnotation, Rejected
from prmkit.rollouts.annotators import annotate
from prmkit.rollouts.estimate import labels_from_mc, relabel_by_progress
from prmkit.rollouts.replay import Replayed, settled
from prmkit.steps import label_steps
from prmkit.study.runs import Drawn

Annotator = Literal["exhaustive", "sequential", "verify", "bisection", "adaptive", "nobody"]
Rule = Literal["hard", "soft", "progress", "filter", "exact"]
PROGRESS = 0.8
"""Least relative progress of a positive step: the best of arXiv 2504.00891."""


class Setting(NamedTuple):
    """One way to label."""

    annotator: Annotator
    """Who chooses the draws; `nobody` makes none."""
    rule: Rule
    """From draws to labels: hard, soft, relative progress; `filter` keeps what the judge agrees
    with; `exact` is the truth, to compare with."""
    k: int
    """Draws a step at most; 0 without draws."""
    threshold: int = 0
    """A step is positive if more than so many draws are correct."""

    @property
    def series(self) -> str:
        """The setting but for K, as tables and figures name it."""
        if self.rule == "exact":
            return "exact labels"
        if self.rule == "filter":
            return "verify" if self.annotator == "verify" else "exhaustive + filter"
        if self.rule == "progress":
            return f"{self.annotator}, progress {PROGRESS:g}"
        if self.rule == "soft":
            return f"{self.annotator}, soft"
        half = self.threshold > 1 and self.threshold == self.k // 2
        at = f", t = {'K/2' if half else self.threshold}" if self.threshold else ""
        return f"{self.annotator}{at}"

    @property
    def name(self) -> str:
        """Name of its own."""
        return f"{self.series}, K = {self.k}" if self.k else self.series

    @property
    def asks_judge(self) -> bool:
        """Whether the judge's tokens are part of its cost."""
        return self.rule == "filter"


class Labels(NamedTuple):
    """What a setting makes of one solution."""

    drawn: Drawn
    """The solution."""
    row: LabelledSolution | None
    """What to train on; None if it was not decided or not kept."""
    decided: bool
    """Whether a first error, or that there is none, was stated."""
    first_error: int | None
    """Where, if it was."""
    tokens: int
    """Generated tokens that it took, the judge's included where it was asked."""


def grid(
    ks: Sequence[int], rule_ks: Sequence[int], *, every_threshold: bool = False
) -> list[Setting]:
    """All settings of a study.

    Args:
        ks: Draws a step for hard labels and for the filter.
        rule_ks: Draws a step for the other annotators and rules, where fewer say little.
        every_threshold: Hard labels at each threshold from 0 to K - 1 for `rule_ks`; else at 0, 1
            and half of K.

    Raises:
        ConfigError: there is no K, or one below 1.
    """
    if not ks or min([*ks, *rule_ks]) < 1:
        raise ConfigError(
            f"K of a study: found {[*ks, *rule_ks]}; allowed: at least one, each >= 1"
        )
    found = [Setting("nobody", "exact", 0)]
    for k in sorted(set(ks)):
        found += [
            Setting("exhaustive", "hard", k),
            Setting("sequential", "hard", k),
            Setting("exhaustive", "filter", k),
            Setting("verify", "filter", k),
        ]
    for k in sorted(set(rule_ks)):
        found += [
            Setting("bisection", "hard", k),
            Setting("adaptive", "hard", k),
            Setting("exhaustive", "soft", k),
            *(Setting("sequential", "hard", k, t) for t in _thresholds(k, every=every_threshold)),
            Setting("exhaustive", "progress", k),
        ]
    return found


def _thresholds(k: int, *, every: bool) -> list[int]:
    """Thresholds above 0."""
    return list(range(1, k)) if every else sorted({t for t in (1, k // 2) if 0 < t < k})


def label(setting: Setting, drawn: Drawn) -> Labels:
    """What a setting makes of a solution, from its stored draws."""
    if setting.rule == "exact":
        exact = label_steps(drawn.solution, drawn.problem, drawn.truth.first_error, "oracle")
        return Labels(drawn, exact, True, drawn.truth.first_error, 0)
    mc = replayed(drawn, setting.annotator, setting.k, setting.threshold)
    tokens = mc.usage.generated_tokens
    if setting.asks_judge:
        tokens += drawn.judge.usage.generated_tokens
        kept = build_consensus(mc, drawn.judge, drawn.solution, drawn.problem)
        row = kept if isinstance(kept, LabelledSolution) else None
        return Labels(drawn, row, row is not None, mc.first_error if row else None, tokens)
    if setting.rule == "progress":
        mc = relabel_by_progress(mc, PROGRESS, len(drawn.solution.steps))
    found = _row(setting, mc, drawn)
    return Labels(drawn, found, not mc.unscored, mc.first_error, tokens)


def replayed(drawn: Drawn, annotator: str, k: int, threshold: int) -> McAnnotation:
    """What an annotator would have found, from a solution's stored draws.

    Raises:
        DataError: it asks for a draw that was not made.
    """
    config = RolloutConfig.model_validate(
        {
            "annotator": annotator,
            "k": k,
            "threshold": threshold,
            "redraws": 0,
            "finished_is_known": drawn.finished_is_known,
        }
    )
    return settled(annotate(Replayed(drawn.mc, drawn.solution), config, drawn.judge))


def _row(setting: Setting, mc: McAnnotation, drawn: Drawn) -> LabelledSolution | None:
    kind: Literal["hard", "soft"] = "soft" if setting.rule == "soft" else "hard"
    row = labels_from_mc(mc, drawn.solution, drawn.problem, kind)
    return None if isinstance(row, Rejected) else row
