"""What every stage of a run is handed: recipe, folder, models, checker, progress."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from prmkit.answers.equivalence import AnswerChecker
from prmkit.answers.extract import extract_answer
from prmkit.config import ModelConfig, Recipe, RunConfig
from prmkit.generators.base import Generator
from prmkit.generators.crew import Crew
from prmkit.records import CheckedAnswer, Outcome, Problem
from prmkit.store import RunFolder


class Progress(Protocol):
    """Where a run tells how far it is."""

    def begin(self, stage: str, total: int, unit: str) -> None:
        """A stage starts; `total` units of work are ahead."""

    def advance(self, n: int, tokens: int = 0) -> None:
        """`n` more units are done, for which a model wrote or read `tokens` tokens."""

    def resize(self, total: int) -> None:
        """The stage turned out to have `total` units of work."""

    def end(self, summary: str) -> None:
        """The stage is done; `summary` is one line."""


class Silent:
    """Progress that nobody watches."""

    def begin(self, stage: str, total: int, unit: str) -> None:
        """Ignore."""

    def advance(self, n: int, tokens: int = 0) -> None:
        """Ignore."""

    def resize(self, total: int) -> None:
        """Ignore."""

    def end(self, summary: str) -> None:
        """Ignore."""


def check_answer(checker: AnswerChecker, text: str, problem: Problem) -> CheckedAnswer:
    """Find and check the final answer of a whole solution."""
    extracted = extract_answer(text)
    check = checker.check(extracted, problem.answer)
    reason = check.reason if check.outcome is Outcome.UNSCORED else ""
    return CheckedAnswer(check.outcome, reason, extracted)


R_co = TypeVar("R_co", bound=RunConfig, covariant=True)


@dataclass
class Work(Generic[R_co]):
    """One run in progress, of whatever kind its recipe is."""

    recipe: R_co
    """What to do."""
    folder: RunFolder
    """Where it is kept."""
    load: Callable[[ModelConfig], Generator]
    """Makes a generator from its settings."""
    checker: AnswerChecker
    """Compares final answers."""
    progress: Progress = field(default_factory=Silent)
    """Who is told."""
    _loaded: tuple[str, Generator] | None = None

    def generator(self, config: ModelConfig) -> Generator:
        """The generator of a model, which takes the place of the one before it.

        Policy and judge never work at the same time, and memory may not hold both.
        """
        # all that says which model and where, whatever kind of config it came in
        key = config.model_dump_json(include=ModelConfig.model_fields.keys() - {"sampling"})
        if self._loaded is None or self._loaded[0] != key:
            self.unload()
            self._loaded = (key, self.load(config))
        return self._loaded[1]

    def unload(self) -> None:
        """Give back the memory of the generator in use, if any."""
        self._loaded = None
        gc.collect()  # a model's modules refer to each other

    def rest(self) -> None:
        """Give back the memory of whatever generates, processes that decode included."""
        self.unload()
        Crew.dismiss()

    def judge_answer(self, text: str, problem: Problem) -> CheckedAnswer:
        """Find and check the final answer of a whole solution."""
        return check_answer(self.checker, text, problem)

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator["StageWork"]:
        """A stage with its clock and its progress."""
        self.progress.begin(name, total, unit)
        work = StageWork(self.progress)
        with self.folder.timed(name):
            yield work
        self.progress.end(work.summary)


AnyRun = Work[RunConfig]
"""A run of any kind."""
Run = Work[Recipe]
"""A whole run, from problems to a report."""


class StageWork:
    """Counts a running stage's work towards its progress."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done = 0
        self.summary = ""

    def advance(self, n: int = 1, tokens: int = 0) -> None:
        """`n` more units are done."""
        self._progress.advance(n, tokens)

    def at(self, done: int, total: int, _seconds: float) -> None:
        """`done` of `total` units are done; a training's `on_progress`."""
        self._progress.resize(total)
        self.advance(done - self._done)
        self._done = done
