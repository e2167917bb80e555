"""How each family of PRMs wants a solution written, and the one function that writes it in tokens.

Training and scoring both go through `Formatter.tokenise`; a PRM that was trained on one spelling
and scored on another loses several points of F1 without any error (ProcessBench pull request 12:
56.1 against 62). The formatter's row is saved with the checkpoint (`prm.json`).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import Field

from prmkit.errors import ConfigError, ModelError
from prmkit.records import Record

_PROBE_QUESTION = "What is 1 + 1?"
_PROBE_STEP = "1 + 1 is 2."


class Family(Record):
    """How one family of PRMs wants its text; the user's turn is the bare question."""

    name: str = Field(min_length=1)
    """Key in `FAMILIES`, or a name of your own."""
    system: str | None = None
    """System prompt; None = no system turn, so that the chat template's default applies."""
    step_token: str = Field(min_length=1)
    """Written after each step; the step's score is read there."""
    joiner: str = ""
    """Text between a step token and the next step."""
    positive: int = Field(1, ge=0, le=1)
    """Index of "right" in the head's two outputs."""


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        # model cards of Qwen2.5-Math-PRM-7B and -72B
        "qwen2.5-math-prm": Family(
            name="qwen2.5-math-prm",
            system="Please reason step by step, and put your final answer within \\boxed{}.",
            step_token="<extra_0>",
        ),
        "prmkit": Family(name="prmkit", step_token="<extra_0>"),
    }
)


def family_named(name: str) -> Family:
    """The row of `FAMILIES` called `name`.

    Raises:
        ConfigError: there is none.
    """
    if name not in FAMILIES:
        raise ConfigError(f"PRM family {name!r}: allowed are {', '.join(FAMILIES)}")
    return FAMILIES[name]


class TokenRow(NamedTuple):
    """One solution in tokens."""

    ids: list[int]
    """The whole chat."""
    positions: list[int]
    """Index in `ids` of each step's token, one a step, rising."""


class Unusable(NamedTuple):
    """Why a solution cannot be written in tokens."""

    reason: str


class Formatter:
    """A family bound to a tokenizer that was found fit for it.

    Args:
        tokenizer: A fast Hugging Face tokenizer with a chat template.
        family: How to write a solution.

    Raises:
        ModelError: there is no chat template, the step token is not exactly one special token, or
            the template changes what an assistant says.
    """

    def __init__(self, tokenizer: Any, family: Family) -> None:
        self.tokenizer = tokenizer
        self.family = family
        self.step_token_id = _step_token_id(tokenizer, family.step_token)
        self._special = _special_tokens(tokenizer)
        if self.step_token_id not in self._special:
            raise ModelError(f"step token {family.step_token!r} is not a special token")
        self._n_template = self._n_special(self._encode(self._probe())) - 1

    def tokenise(self, question: str, steps: Sequence[str], max_tokens: int) -> TokenRow | Unusable:
        """Write one solution in tokens.

        The ids are those of encoding the rendered chat in one piece, as the published models do.
        Text that would make a special token of its own is refused, so a problem or a step can
        neither close a turn nor fake a step.

        Args:
            question: The problem's text.
            steps: The steps in order, without their delimiter.
            max_tokens: A longer row is refused, never cut.
        """
        if not steps:
            return Unusable("empty solution: it has no step")
        blank = next((i for i, step in enumerate(steps) if not step.strip()), None)
        if blank is not None:
            return Unusable(f"step {blank} is empty")
        ids = self._encode(self.render(question, steps))
        if self._n_special(ids) != self._n_template + len(steps):
            return Unusable(
                f"the text contains the special token {self._intruder(question, steps)}"
            )
        if len(ids) > max_tokens:
            return Unusable(f"too long: {len(ids)} tokens, at most {max_tokens} allowed")
        positions = [at for at, token_id in enumerate(ids) if token_id == self.step_token_id]
        if len(positions) != len(steps):
            return Unusable(f"{len(steps)} steps but {len(positions)} step tokens")
        return TokenRow(ids, positions)

    def render(self, question: str, steps: Sequence[str]) -> str:
        """The chat as text."""
        answer = self.family.joiner.join(step + self.family.step_token for step in steps)
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        if self.family.system is not None:
            messages.insert(0, {"role": "system", "content": self.family.system})
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False))

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def _n_special(self, ids: Sequence[int]) -> int:
        return sum(token_id in self._special for token_id in ids)

    def _probe(self) -> str:
        if not self.tokenizer.chat_template:
            raise ModelError("the tokenizer has no chat template")
        text = self.render(_PROBE_QUESTION, [_PROBE_STEP])
        if _PROBE_QUESTION not in text or _PROBE_STEP + self.family.step_token not in text:
            raise ModelError("the chat template changes the turns that it is given")
        return text

    def _intruder(self, question: str, steps: Sequence[str]) -> str:
        text = "\n".join([question, *steps])
        return next(
            (t for t in sorted(self._special.values()) if t in text), "of a normalised form"
        )


def _step_token_id(tokenizer: Any, step_token: str) -> int:
    """Id of the step token, the same alone and between letters."""
    alone = list(tokenizer.encode(step_token, add_special_tokens=False))
    if len(alone) != 1 or tokenizer.convert_ids_to_tokens(alone) != [step_token]:
        raise ModelError(
            f"step token {step_token!r} must be one token of its own; the tokenizer makes "
            f"{tokenizer.convert_ids_to_tokens(alone)} of it"
        )
    between = list(tokenizer.encode(f"a{step_token}b", add_special_tokens=False))
    if between.count(alone[0]) != 1:
        raise ModelError(f"step token {step_token!r} is lost between letters: {between}")
    return int(alone[0])


def _special_tokens(tokenizer: Any) -> dict[int, str]:
    added = tokenizer.added_tokens_decoder
    return {int(at): str(token.content) for at, token in added.items() if token.special}
