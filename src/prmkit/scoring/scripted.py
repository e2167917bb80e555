"""A scorer that replays written scores: the fake that ships, for tests and demonstrations."""

from collections.abc import Callable, Mapping, Sequence

from prmkit.errors import DataError
from prmkit.records import StepScores
from prmkit.scoring.base import ScoringItem, scored, unscored

Script = Mapping[str, Sequence[float] | str] | Callable[[ScoringItem], Sequence[float] | str]


class ScriptedScorer:
    """Answers each solution from a script; `calls` keeps what it was asked.

    Args:
        script: By solution id, or a function of the item: the scores, one a step, or a text, which
            is the reason why the solution comes back unscored.
        model_id: Name of the model that it plays.
    """

    def __init__(self, script: Script, model_id: str = "scripted") -> None:
        self._script = script
        self._model_id = model_id
        self.calls: list[tuple[ScoringItem, ...]] = []

    @property
    def model_id(self) -> str:
        """Name of the model that it plays."""
        return self._model_id

    def score(self, items: Sequence[ScoringItem]) -> list[StepScores]:
        """Replay the script for each item.

        Raises:
            DataError: the script has no line for a solution, or not one score a step.
        """
        self.calls.append(tuple(items))
        return [self._score(item) for item in items]

    def _score(self, item: ScoringItem) -> StepScores:
        line = self._line(item)
        if isinstance(line, str):
            return unscored(item, self._model_id, line)
        return scored(item, self._model_id, line)

    def _line(self, item: ScoringItem) -> Sequence[float] | str:
        if not isinstance(self._script, Mapping):
            return self._script(item)
        if item.solution_id not in self._script:
            raise DataError(f"the scripted scorer has no line for {item.solution_id!r}")
        return self._script[item.solution_id]
