"""Score steps with a local PRM: one forward pass a solution, whatever its number of steps."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from prmkit.errors import ConfigError, MissingExtra, ModelError
from prmkit.records import StepScores
from prmkit.scoring.base import ScoringItem, scored, unscored
from prmkit.scoring.checkpoint import load_checkpoint
from prmkit.scoring.families import Family, TokenRow, Unusable
from prmkit.scoring.head import step_logits

try:
    import torch
except ImportError as error:
    raise MissingExtra.of(str(error.name), "local") from error


class PrmScorer:
    """A PRM directory as a `StepScorer`.

    Args:
        directory: A directory that `prmkit` trained, or a published Qwen2.5-Math-PRM.
        batch_tokens: Tokens computed at once, padding included; a longer row goes alone.
        family: How to write solutions; None = as saved with the checkpoint.
        device: Where to compute; None = the accelerator if there is one, else the CPU.

    Raises:
        ModelError: the directory is not a usable PRM.
        ConfigError: `batch_tokens` is below 1.
    """

    def __init__(
        self,
        directory: Path,
        batch_tokens: int = 16_384,
        family: Family | None = None,
        device: str | None = None,
    ) -> None:
        if batch_tokens < 1:
            raise ConfigError(f"batch_tokens = {batch_tokens}: must be at least 1")
        self._batch_tokens = batch_tokens
        self._model, self._formatter, self._model_id = load_checkpoint(directory, family, device)

    @property
    def model_id(self) -> str:
        """Directory name and a hash of its content."""
        return self._model_id

    @property
    def max_tokens(self) -> int:
        """A longer solution comes back unscored (4096 for the published 7B)."""
        return int(self._model.config.max_position_embeddings)

    def score(self, items: Sequence[ScoringItem]) -> list[StepScores]:
        """Score each step of each item; see `StepScorer.score`.

        Raises:
            ModelError: the model's outputs are not two a step.
        """
        results: dict[int, StepScores] = {}
        usable: list[_Row] = []
        for index, item in enumerate(items):
            row = self._formatter.tokenise(item.question, item.steps, self.max_tokens)
            if isinstance(row, Unusable):
                results[index] = unscored(item, self._model_id, row.reason)
            else:
                usable.append(_Row(index, row))
        for batch in token_budget_batches(usable, self._batch_tokens):
            for (place, _), scores_S in zip(batch, self._forward(batch), strict=True):
                results[place] = self._result(items[place], scores_S)
        return [results[index] for index in range(len(items))]

    def _forward(self, batch: Sequence["_Row"]) -> list[list[float]]:
        """Probability of "right" at each step of each row."""
        input_ids, step_mask = _pad([row.tokens for row in batch])
        device = self._model.device
        with torch.inference_mode():
            logits = step_logits(self._model, input_ids.to(device), step_mask.to(device))
            right = torch.softmax(logits, dim=-1)[:, self._formatter.family.positive]
        n_steps = [len(row.tokens.positions) for row in batch]
        if len(right) != sum(n_steps):
            raise ModelError(f"{sum(n_steps)} steps but {len(right)} scores")
        flat = iter(right.tolist())
        return [[next(flat) for _ in range(n)] for n in n_steps]

    def _result(self, item: ScoringItem, scores_S: list[float]) -> StepScores:
        if any(score != score for score in scores_S):
            return unscored(item, self._model_id, "the model gave a score that is not a number")
        return scored(item, self._model_id, scores_S)


class _Row(NamedTuple):
    """A tokenised item and its place in the caller's order."""

    place: int
    tokens: TokenRow


def token_budget_batches(rows: Sequence[_Row], batch_tokens: int) -> Iterator[list[_Row]]:
    """Group rows of similar length so that rows x longest stays within the budget.

    Longest first, so that memory that does not suffice shows at once.
    """
    batch: list[_Row] = []
    for row in sorted(rows, key=lambda r: -len(r.tokens.ids)):
        if batch and (len(batch) + 1) * len(batch[0].tokens.ids) > batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _pad(rows: Sequence[TokenRow]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids [batch, tokens] padded on the right, and the mask of their step tokens."""
    width = max(len(row.ids) for row in rows)
    input_ids = torch.zeros((len(rows), width), dtype=torch.long)
    step_mask = torch.zeros((len(rows), width), dtype=torch.bool)
    for at, row in enumerate(rows):
        input_ids[at, : len(row.ids)] = torch.tensor(row.ids)
        step_mask[at, row.positions] = True
    return input_ids, step_mask
