"""PRM800K, phases 1 and 2 (arXiv 2305.20050): a tree of alternative steps rated by people.

A record is one solution grown step by step. At each step people rated alternatives +1, 0 or -1; one
was chosen to go on with, or, in phase 1, a person wrote the step; phase 2 ends at the first error.
As its authors say (openai/prm800k, issues 3, 7, 8, 10, 11), a record gives one row for the path
that was taken and one more for each alternative, cut after it, so that every rating is used.

* 0 (neutral) is positive unless asked otherwise: the authors and Qwen2.5-Math-7B-PRM800K do so,
  TRL's script makes it negative;
* no rating is no label, never a negative one: such an alternative gives no row;
* a row has a label for each of its steps, so a path ends before its first step without one;
* a path that ended at a step where nothing was chosen is contained in that step's alternatives, and
  gives a row of its own only if there is none.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from prmkit.config import Config
from prmkit.datasets.fields import Fields, shown
from prmkit.datasets.importing import Converted, Imported, convert_rows
from prmkit.datasets.rows import BadRow, Row
from prmkit.records import LabelledSolution

KeepOrDrop = Literal["keep", "drop"]

_RATINGS = {1: "+1", 0: "0", -1: "-1", None: "none"}


class Prm800kOptions(Config):
    """How ratings become labels, and which records and alternatives count."""

    neutral: Literal["positive", "negative", "dropped"] = "positive"
    """What a rating of 0 is; `dropped`: no label."""
    human: Literal["positive", "unlabelled"] = "positive"
    """What a step written by a person is, which nobody rated (phase 1)."""
    quality_control: KeepOrDrop = "keep"
    """Records of questions that served to check the labellers."""
    screening: KeepOrDrop = "keep"
    """Records of the labellers' entrance test."""
    flagged: KeepOrDrop = "keep"
    """Alternatives that a labeller flagged; a path ends before one."""


class _Step(NamedTuple):
    text: str
    label: float | None


class _Choice(NamedTuple):
    """One step of the tree."""

    alternatives: list[tuple[int, _Step]]
    """Those not gone on with, and their places among the completions."""
    taken: _Step | None
    """What the next step follows, if anything."""


def read_prm800k(
    rows: Iterable[Row | BadRow], options: Prm800kOptions | None = None
) -> Imported[LabelledSolution]:
    """Read labelled solutions; ids are `prm800k/file/row/path` and `.../step.alternative`.

    Notes count every rating, whatever the options make of it.
    """
    chosen = options or Prm800kOptions()

    def convert(row: Row) -> Converted[LabelledSolution]:
        return _record(row, chosen)

    return convert_rows(rows, convert, lambda solution: solution.solution_id)


def _record(row: Row, options: Prm800kOptions) -> Converted[LabelledSolution]:
    fields = Fields(row.values)
    if options.quality_control == "drop" and fields.flag("is_quality_control_question", False):
        return Converted([], dropped="quality_control")
    if options.screening == "drop" and fields.flag("is_initial_screening_question", False):
        return Converted([], dropped="screening")
    question = fields.mapping("question").text("problem")
    label = fields.mapping("label")
    notes: Counter[str] = Counter({f"phase {2 if 'generation' in fields else 1} records": 1})
    notes["complete solutions"] += _is_complete(label)
    choices = [_choice(step, options, notes) for step in label.mappings("steps")]
    solutions = [
        LabelledSolution(
            solution_id=f"prm800k/{row.stem}/{row.position}/{name}",
            question=question,
            steps=tuple(step.text for step in steps),
            labels=tuple(step.label for step in steps if step.label is not None),
            source="human",
        )
        for name, steps in _paths(choices)
    ]
    cut = any(choice.taken and choice.taken.label is None for choice in choices)
    notes["paths cut at a step without label"] += cut
    if not solutions:
        return Converted([], notes, dropped="no labelled step")
    labels = [label for solution in solutions for label in solution.labels]
    notes.update({"labels 1": labels.count(1.0), "labels 0": labels.count(0.0)})
    return Converted(solutions, notes)


def _is_complete(label: Fields) -> bool:
    if "finish_reason" in label:
        return label.text("finish_reason") == "solution"
    return label.flag("reaches_solution", default=False)


def _choice(step: Fields, options: Prm800kOptions, notes: Counter[str]) -> _Choice:
    completions = step.mappings("completions") if "completions" in step else []
    chosen = None
    if "chosen_completion" in step:
        chosen = step.whole("chosen_completion", 0, len(completions) - 1)
    rated = [_rated(completion, options, notes) for completion in completions]
    notes["steps"] += 1
    taken = rated[chosen] if chosen is not None else None
    if "human_completion" in step:
        notes["steps written by people"] += 1
        if chosen is None:
            human = 1.0 if options.human == "positive" else None
            taken = _Step(step.mapping("human_completion").text("text"), human)
    others = [(i, other) for i, other in enumerate(rated) if i != chosen]
    return _Choice(others, taken)


def _rated(completion: Fields, options: Prm800kOptions, notes: Counter[str]) -> _Step:
    text, rating = completion.any_text("text"), completion.raw("rating", "1, 0, -1 or null")
    if rating not in _RATINGS or isinstance(rating, bool | float):
        raise completion.bad("rating", shown(rating), "1, 0, -1 or null")
    notes[f"rated {_RATINGS[rating]}"] += 1
    neutral = {"positive": 1.0, "negative": 0.0, "dropped": None}[options.neutral]
    label = {1: 1.0, 0: neutral, -1: 0.0, None: None}[rating]
    flagged = completion.flag("flagged", default=False)
    notes["flagged"] += flagged
    if (flagged and options.flagged == "drop") or not text.strip():
        label = None
    return _Step(text, label)


def _paths(choices: list[_Choice]) -> Iterator[tuple[str, list[_Step]]]:
    """Every row of a tree by name, in the order of the steps, the path taken last."""
    path: list[_Step] = []
    contained = False
    for place, choice in enumerate(choices):
        labelled = [(i, step) for i, step in choice.alternatives if step.label is not None]
        for i, step in labelled:
            yield f"{place}.{i}", [*path, step]
        if choice.taken is None or choice.taken.label is None:
            contained = bool(labelled)
            break
        path.append(choice.taken)
    if path and not contained:
        yield "path", path
