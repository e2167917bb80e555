"""A request as bytes: the model, how it is sampled, the seed and the prompt."""

import json
from functools import lru_cache
from typing import NamedTuple

from prmkit.generators.base import Sampling
from prmkit.generators.openai_api.dialect import parameters, seed_field
from prmkit.generators.openai_api.finding import Dialect
from prmkit.generators.openai_api.prompts import Prompt
from prmkit.generators.openai_api.replies import Asked


class Draw(NamedTuple):
    """How one completion is to be drawn."""

    sampling: Sampling
    seed: int


class Wire:
    """Writes requests to one model in one dialect.

    Args:
        model: Its name in requests.
        dialect: The server's words for sampling.
        end_ids: Tokens that end a completion.
        is_checked: Whether the server's count of prompt tokens must be ours.
    """

    def __init__(
        self,
        model: str,
        dialect: Dialect,
        end_ids: frozenset[int] = frozenset(),
        *,
        is_checked: bool = False,
    ) -> None:
        self._model = model
        self._dialect = dialect
        self._end_ids = end_ids
        self._is_checked = is_checked
        self._head = lru_cache(64)(self._write_head)

    def body(self, prompt: Prompt, draw: Draw) -> bytes:
        """The JSON of a request."""
        seed = seed_field(self._dialect, draw.seed)
        return f'{{{self._head(draw.sampling)},"seed":{seed},{prompt.fields}}}'.encode()

    def asked(self, prompt: Prompt, sampling: Sampling) -> Asked:
        """What reading its reply needs."""
        is_checked = self._is_checked and prompt.n_tokens is not None
        return Asked(sampling.stop, prompt.n_tokens, is_checked, self._end_ids)

    def _write_head(self, sampling: Sampling) -> str:
        fields = {"model": self._model} | parameters(self._dialect, sampling, self._end_ids)
        return json.dumps(fields, separators=(",", ":"))[1:-1]
