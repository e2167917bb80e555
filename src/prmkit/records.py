"""What flows between stages: frozen, validated values with no behaviour beyond small derived facts.

Every record is one row of a stage's Parquet file (docs/records.md is generated from here). A step
index is 0-based; `first_error` is the index of the first wrong step and None where no step is
wrong. Where nothing could be decided, `unscored` holds the reason and `first_error` means nothing.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Record(BaseModel):
    """Base of all records: frozen, no unknown field, no NaN, a docstring under each field."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )


class Outcome(StrEnum):
    """What checking an answer found; `UNSCORED` is neither right nor wrong and is counted apart."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    UNSCORED = "unscored"


class Question(Record):
    """What a model is asked."""

    problem_id: str = Field(min_length=1)
    """Unique in its data set; part of every key and seed."""
    question: str = Field(min_length=1)
    """The text shown to a model."""
    split: str = ""
    """Named part of the data set, or empty."""


class Problem(Question):
    """A question with a known final answer."""

    answer: str = Field(min_length=1)
    """The reference answer, bare (no \\boxed)."""
    answer_kind: str = "free"
    """How the answer is given: free, last_digit, parity, choice, who, or a data set's own word."""
    spec: str | None = None
    """Truth as JSON where a program can check steps (synthetic world); else None."""


class CheckedAnswer(NamedTuple):
    """What comparing the final answer of a text with the reference found."""

    outcome: Outcome
    """Whether they match."""
    reason: str = ""
    """Why the outcome is unscored; empty otherwise."""
    extracted: str | None = None
    """The final answer found in the text, or None."""


JudgeAnswer = Callable[[str, Problem], CheckedAnswer]
"""Finds and checks the final answer of a whole solution text; what stages are handed for it."""


class Usage(Record):
    """Tokens that model calls read and wrote."""

    n_calls: int = Field(0, ge=0)
    """Completions requested."""
    prompt_tokens: int = Field(0, ge=0)
    """Prompt tokens, summed over calls, whether or not their computation was shared."""
    cached_prompt_tokens: int = Field(0, ge=0)
    """Part of `prompt_tokens` that was not computed again (shared prefix)."""
    generated_tokens: int = Field(0, ge=0)
    """Tokens written."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            n_calls=self.n_calls + other.n_calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_prompt_tokens=self.cached_prompt_tokens + other.cached_prompt_tokens,
            generated_tokens=self.generated_tokens + other.generated_tokens,
        )


class Solution(Record):
    """One sampled solution of one problem, split into steps and answer-checked."""

    solution_id: str = Field(min_length=1)
    """`problem_id/policy/sample_index`."""
    problem_id: str
    """The problem that it tries to solve."""
    policy: str
    """Name of the model that wrote it."""
    sample_index: int = Field(ge=0)
    """Which sample of this policy on this problem."""
    steps: tuple[str, ...]
    """The steps in order, without their delimiter."""
    outcome: Outcome
    """Whether the final answer matches the reference."""
    reason: str = ""
    """Why the outcome is unscored; empty otherwise."""
    extracted: str | None = None
    """The final answer found in the text, or None."""
    usage: Usage = Usage()
    """What it cost to write."""


class Annotated(Record):
    """Base of annotations: where somebody places the first error of one solution."""

    solution_id: str
    """The solution that is annotated."""
    first_error: int | None = Field(None, ge=0)
    """Index of the first wrong step; None = no step is wrong (or unscored)."""
    unscored: str = ""
    """Why nothing could be decided; empty if decided."""

    @model_validator(mode="after")
    def _unscored_has_no_location(self) -> Self:
        if self.unscored and self.first_error is not None:
            raise ValueError("an unscored annotation has no first_error")
        return self


class GivenLabel(Annotated):
    """Where somebody placed the first error of a solution that came with its label."""

    source: str
    """Who labelled."""


class StepEstimate(Record):
    """What rollouts from the end of one step say about the prefix up to it."""

    outcomes: tuple[Outcome, ...]
    """Outcome of each draw made, in draw order; fewer than K where a decision came sooner."""
    hard: bool | None
    """Positive if more than `threshold` draws were correct; None = not decided (unscored draws)."""
    known: bool = False
    """True if no draw was needed: the last step of a finished solution has a known outcome."""
    n_completions: int = Field(0, ge=0)
    """Draws that gave a text, cut off or not; the others are failed calls."""
    n_distinct: int = Field(0, ge=0)
    """Different texts among them."""
    usages: tuple[Usage, ...] = ()
    """What each draw cost, in draw order; one that was made again with all its attempts."""

    @property
    def n_correct(self) -> int:
        """Draws that reached the reference answer."""
        return self.outcomes.count(Outcome.CORRECT)

    @property
    def n_scored(self) -> int:
        """Draws that were correct or incorrect."""
        return len(self.outcomes) - self.outcomes.count(Outcome.UNSCORED)

    @property
    def soft(self) -> float | None:
        """Share of scored draws that were correct, in [0, 1]; None if no draw was scored."""
        return self.n_correct / self.n_scored if self.n_scored else None


Verification = Literal["", "verified", "refuted", "undecided", "no_claim"]


class McAnnotation(Annotated):
    """Monte-Carlo annotation of one solution."""

    annotator: str
    """How draws were chosen: exhaustive, sequential, verify, ..."""
    k: int = Field(ge=1)
    """Draws a step at most."""
    threshold: int = Field(ge=0)
    """A step is positive if more than this many of K draws are correct."""
    steps: tuple[StepEstimate, ...]
    """Estimates from step 0 on, up to the last step looked at; ones skipped have no outcomes."""
    verification: Verification = ""
    """What became of a judge's claim: proven, refuted, left undecided by unscored draws, or there
    was none to verify; empty where no claim was looked at."""
    usage: Usage = Usage()
    """What the rollouts cost."""


class Verdict(Record):
    """One vote of a judge on one solution."""

    first_error: int | None = Field(None, ge=0)
    """Index of the first wrong step by this vote; None = no error (or unreadable)."""
    unscored: str = ""
    """Why the vote could not be read; empty if it could."""
    text: str = ""
    """What the judge wrote."""


class JudgeAnnotation(Annotated):
    """A judge's annotation of one solution, from one or more votes."""

    judge: str
    """Name of the judging model."""
    votes: tuple[Verdict, ...]
    """Every vote, unreadable ones too."""
    usage: Usage = Usage()
    """What the votes cost."""


class OracleAnnotation(Annotated):
    """Where a program that knows the truth places the first error (synthetic world)."""

    kind: str = ""
    """What is wrong with that step; empty if no step is wrong."""


class LabelledSolution(Record):
    """A solution with step labels, ready to train on; steps after the first error are absent."""

    solution_id: str
    """The solution."""
    question: str = Field(min_length=1)
    """The problem's text."""
    steps: tuple[str, ...] = Field(min_length=1)
    """Steps up to and including the first error, or all."""
    labels: tuple[float, ...]
    """A label a step in [0, 1]: 0 or 1 when hard, the share of correct rollouts when soft."""
    source: str
    """Who labelled: mc, judge, consensus, oracle, human."""

    @model_validator(mode="after")
    def _one_label_a_step(self) -> Self:
        if len(self.labels) != len(self.steps):
            raise ValueError(f"{len(self.steps)} steps but {len(self.labels)} labels")
        if not all(0.0 <= label <= 1.0 for label in self.labels):
            raise ValueError("labels must lie in [0, 1]")
        return self


class Dropped(Record):
    """A solution that a filter left out, with both views as evidence."""

    solution_id: str
    """The solution."""
    reason: Literal["disagree", "refuted", "mc_unscored", "judge_unscored", "both_unscored"]
    """Why it was left out; `refuted`: the judge is wrong, Monte Carlo did not look who is right."""
    mc_first_error: int | None
    """Where Monte Carlo places the first error."""
    judge_first_error: int | None
    """Where the judge places it."""
    evidence: str = ""
    """In words: outcomes of the draws at the places in question and the judge's text."""


class BenchmarkCase(Record):
    """A row of a benchmark of step checking: a whole solution and the errors that people found."""

    case_id: str = Field(min_length=1)
    """The benchmark's own id, unique in it."""
    problem_id: str
    """Cases of one problem share it."""
    subset: str
    """Named part of the benchmark."""
    question: str = Field(min_length=1)
    """The problem's text."""
    steps: tuple[str, ...] = Field(min_length=1)
    """All steps, those after the first error too."""
    first_error: int | None = Field(None, ge=0)
    """Index of the first wrong step; None = no step is wrong."""
    wrong_steps: tuple[int, ...] | None = None
    """Every wrong step, ascending; None where the benchmark marks the first one only."""
    outcome: Outcome = Outcome.UNSCORED
    """Whether the final answer is right."""
    reason: str = ""
    """Why the outcome is unscored; empty otherwise."""
    policy: str = ""
    """The model that wrote the solution; empty where unknown."""

    @model_validator(mode="after")
    def _errors_are_steps(self) -> Self:
        if self.first_error is not None and self.first_error >= len(self.steps):
            raise ValueError(f"first_error {self.first_error} of {len(self.steps)} steps")
        if self.wrong_steps is not None:
            if list(self.wrong_steps) != sorted(
                set(self.wrong_steps) & set(range(len(self.steps)))
            ):
                raise ValueError(f"wrong_steps {self.wrong_steps} of {len(self.steps)} steps")
            if (self.wrong_steps or (None,))[0] != self.first_error:
                raise ValueError("first_error must be the first of wrong_steps")
        return self


class StepScores(Record):
    """A PRM's scores for one solution."""

    solution_id: str
    """The solution."""
    model: str
    """Name of the PRM."""
    scores: tuple[float, ...]
    """Probability that each step is right, in [0, 1], one a step; empty if unscored."""
    unscored: str = ""
    """Why there are no scores; empty if there are."""


class Rejected(Record):
    """An input row that was not processed, with the reason."""

    row: str
    """Which row: an id, or file and line."""
    reason: str
    """What was found and what is allowed."""


class Estimate(Record):
    """A reported number with its uncertainty."""

    value: float
    """The point estimate, in the unit of the table that shows it."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    n: int = Field(ge=0)
    """Scored cases behind the value."""
    n_unscored: int = Field(0, ge=0)
    """Cases left out because nothing could be decided."""
    method: str
    """How the interval was made, e.g. `bootstrap over problems, 95 %, 1000 resamples`."""
