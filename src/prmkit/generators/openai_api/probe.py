"""The start-up probe: what a server takes, and whether it keeps what the protocol promises.

About ten requests of 1 to 16 tokens. It settles, in this order: who serves; whether the tokenizer
is the given one; the first of token ids, text and chat by which a prefix is continued exactly, told
by the server's own count of prompt tokens; whether a seed decides a draw; whether `n` is obeyed.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from prmkit.errors import ModelError
from prmkit.generators.base import Failure, Message, Request, Sampling
from prmkit.generators.openai_api.finding import Dialect, Kind, Mode, SeedUse, ServerFinding
from prmkit.generators.openai_api.http import Access
from prmkit.generators.openai_api.identify import (
    PROBE_TEXT,
    check_tokenizer,
    identify,
    load_failure,
)
from prmkit.generators.openai_api.prompts import Prompt, Prompts
from prmkit.generators.openai_api.talk import Talk
from prmkit.generators.openai_api.wire import Draw, Wire
from prmkit.generators.text_side import TextSide

_DIALECTS: dict[Kind, tuple[Dialect, ...]] = {
    "vllm": ("vllm",),
    "sglang": ("sglang",),
    "llama.cpp": ("llama.cpp",),
    "transformers": ("transformers",),
    "other": ("vllm", "plain"),
}
_QUESTION = (Message(role="user", content="Write down twenty random words."),)
_PREFIX = "apple 12\n\n"
_SHORT = Sampling(temperature=0.0, max_new_tokens=1)
_WIDE = Sampling(temperature=2.0, max_new_tokens=16)
_SEED = 2**52 + 2**31  # as large as a draw's, so that one too large for the server shows here
_SEEDS = (_SEED + 1, _SEED + 2, _SEED + 1, _SEED + 2)


class _Way(NamedTuple):
    """How prefixes are continued."""

    mode: Mode
    dialect: Dialect
    adds_special: bool = False
    counts_prompt: bool = False


class _Count(NamedTuple):
    """Prompt tokens of one request."""

    theirs: int | None
    ours: int | None

    @property
    def is_equal(self) -> bool:
        """Whether both are known and the same."""
        return self.theirs is not None and self.theirs == self.ours


class Probe:
    """The questions to one server.

    Args:
        talk: Requests to it.
        model: The model's name there.
        side: The model's tokenizer, if one is given.
    """

    def __init__(self, talk: Talk, model: str, side: TextSide | None) -> None:
        self._talk = talk
        self._model = model
        self._side = side
        self._reasons: list[str] = []

    def run(self, *, is_sampled: bool) -> ServerFinding:
        """Ask everything.

        Args:
            is_sampled: Whether draws will be sampled, so that seeds matter.

        Raises:
            ModelError: the server cannot be used as asked; one line that says why.
        """
        who = identify(self._talk, self._model)
        side = self._side
        is_compared = side is not None and check_tokenizer(self._talk, who.kind, self._model, side)
        is_counted = not is_compared and self._counts_agree(who.kind)
        way = self._way(_DIALECTS[who.kind])
        # before later questions add to the reasons
        reason = "" if way.mode == "ids" else "; ".join(dict.fromkeys(self._reasons))
        is_counted = is_counted or way.counts_prompt
        contexts = [c for c in (who.context, side.context if side else None) if c is not None]
        return ServerFinding(
            base_url=self._talk.base_url,
            kind=who.kind,
            version=who.version,
            model=self._model,
            root=who.root,
            mode=way.mode,
            mode_reason=reason,
            dialect=way.dialect,
            adds_special=way.adds_special,
            counts_prompt=way.counts_prompt,
            tokenizer_checked="ids" if is_compared else "count" if is_counted else "no",
            context=min(contexts, default=None),
            n_honoured=self._n_honoured(way),
            seed=self._seed_use(way) if is_sampled else "untested",
        )

    def _way(self, dialects: tuple[Dialect, ...]) -> _Way:
        tries = [self._ids, self._text] if self._side is not None else []
        for attempt in [*tries, self._chat, self._chat_whole]:
            for dialect in dialects:
                way = attempt(dialect)
                if way is not None:
                    return way
        raise ModelError(f"{self._talk.base_url} {_no_way(list(dict.fromkeys(self._reasons)))}")

    def _ids(self, dialect: Dialect) -> _Way | None:
        way = _Way("ids", dialect)
        count = self._count("token ids", way)
        if count is None or (count.theirs is not None and not count.is_equal):
            return None
        return way._replace(counts_prompt=count.is_equal)

    def _text(self, dialect: Dialect) -> _Way | None:
        for adds_special in (False, True):
            way = _Way("text", dialect, adds_special, counts_prompt=True)
            count = self._count("text", way)
            if count is not None and count.is_equal:
                return way
        return None

    def _chat(self, dialect: Dialect) -> _Way | None:
        way = _Way("chat", dialect)
        count = self._count("chat", way)
        if count is None:
            return None
        if self._side is not None:
            return way._replace(counts_prompt=True) if count.is_equal else None
        return way if self._is_left_open(way, count) else None

    def _is_left_open(self, way: _Way, count: _Count) -> bool:
        """Whether the continued turn has fewer tokens than the same turn closed, with a new one."""
        turns = [*(m.model_dump() for m in _QUESTION), {"role": "assistant", "content": _PREFIX}]
        closed = Prompt("/chat/completions", json.dumps({"messages": turns})[1:-1], None)
        body = self._send(way, closed, Draw(_SHORT, 0))
        n_closed = None if isinstance(body, str) else _prompt_tokens(body)
        if count.theirs is not None and n_closed is not None and count.theirs < n_closed:
            return True
        self._reasons.append("chat: it shows no sign of continue_final_message")
        return False

    def _chat_whole(self, dialect: Dialect) -> _Way | None:
        way = _Way("chat_whole", dialect)
        count = self._count("chat", way, prefix="")
        return None if count is None else way._replace(counts_prompt=count.is_equal)

    def _count(self, what: str, way: _Way, prefix: str = _PREFIX) -> _Count | None:
        """Ask for one token after the prefix; None, and the reason noted, if it is refused."""
        prompt = self._prompt(way, prefix)
        if isinstance(prompt, Failure):
            self._reasons.append(f"{what}: {prompt.message}")
            return None
        body = self._send(way, prompt, Draw(_SHORT, 0))
        if isinstance(body, str):
            self._reasons.append(f"{what}: {body}")
            return None
        count = _Count(_prompt_tokens(body), prompt.n_tokens)
        if not count.is_equal and count.ours is not None:
            self._reasons.append(f"{what}: it counts {count.theirs} tokens, meant {count.ours}")
        return count

    def _prompt(self, way: _Way, prefix: str) -> Prompt | Failure:
        prompts = Prompts(self._side, way.mode, adds_special=way.adds_special)
        return prompts.of(Request(messages=_QUESTION, prefix=prefix, seed=0))

    def _send(self, way: _Way, prompt: Prompt, draw: Draw) -> dict[str, Any] | str:
        """The reply, which has exactly one choice, or what is wrong."""
        end_ids = frozenset() if self._side is None else self._side.text.end_ids
        wire = Wire(self._model, way.dialect, end_ids)
        body = self._talk.post(prompt.path, wire.body(prompt, draw))
        if isinstance(body, dict) and _n_choices(body) != 1:
            return f"{_n_choices(body)} completions came back for one prompt"
        return body

    def _counts_agree(self, kind: Kind) -> bool:
        """Whether a text that is hard to tokenize has as many tokens there as here.

        Asked before the ways to continue a prefix: with another tokenizer the counts of those would
        differ, too, and the last of them is taken whatever it counts.

        Raises:
            ModelError: it has not, or the model cannot be loaded.
        """
        prompt = Prompt("/completions", json.dumps({"prompt": PROBE_TEXT})[1:-1], None)
        body: dict[str, Any] | str = ""
        for dialect in _DIALECTS[kind]:
            body = self._send(_Way("text", dialect), prompt, Draw(_SHORT, 0))
            if not isinstance(body, str):
                break
        if isinstance(body, str):
            self._check_loads(kind, body)
            return False
        theirs = _prompt_tokens(body)
        if theirs is None or self._side is None:
            return False
        tokenizer = self._side.tokenizer
        ours = {
            len(tokenizer(PROBE_TEXT, add_special_tokens=special)["input_ids"])
            for special in (False, True)
        }
        if theirs not in ours:
            raise ModelError(
                f"{self._talk.base_url} has another tokenizer than the one given: of a text of "
                f"{min(ours)} tokens it makes {theirs}"
            )
        return True

    def _check_loads(self, kind: Kind, said: str) -> None:
        """Find out why a server that takes any text did not take one.

        Raises:
            ModelError: it cannot load the model, or serves another one only.
        """
        if kind != "transformers" or said.startswith("HTTP 404"):
            return
        if said.startswith("HTTP 4"):
            raise ModelError(f"{self._talk.base_url} refuses the model {self._model!r}: {said}")
        if why := load_failure(self._talk, self._model):
            raise ModelError(
                f"{self._talk.base_url} cannot load the model {self._model!r}, by that name a "
                f"directory of its machine or a hub name: {why}"
            )

    def _seed_use(self, way: _Way) -> SeedUse:
        """Draw with two seeds, each twice: side by side, then one after another.

        Raises:
            ModelError: all seeds give the same draw.
        """
        with ThreadPoolExecutor(len(_SEEDS)) as threads:
            together = list(threads.map(lambda seed: self._draw(way, seed), _SEEDS))
        if _is_decided(together):
            return "honoured"
        in_turn = [self._draw(way, seed) for seed in _SEEDS]
        if _is_decided(in_turn):
            return "alone"
        if len({*together, *in_turn}) == 1 and self._draw(way, _SEED) == together[0]:
            raise ModelError(
                f"{self._talk.base_url} gives the same completion for every seed at temperature "
                f"{_WIDE.temperature:g}: {together[0]!r:.60}; K draws would be one draw"
            )
        return "ignored"

    def _draw(self, way: _Way, seed: int) -> str:
        prompt = self._prompt(way, "")
        body = "" if isinstance(prompt, Failure) else self._send(way, prompt, Draw(_WIDE, seed))
        return body if isinstance(body, str) else json.dumps(_said(body["choices"][0]))

    def _n_honoured(self, way: _Way) -> bool:
        prompt = self._prompt(way, "")
        if isinstance(prompt, Failure):
            return False
        twice = prompt._replace(
            fields=f'{prompt.fields},"n":2'
        )  # the last of two equal keys counts
        wire = Wire(self._model, way.dialect)
        body = self._talk.post(prompt.path, wire.body(twice, Draw(_SHORT, 0)))
        return isinstance(body, dict) and _n_choices(body) == 2


def probe(
    base_url: str, model: str, side: TextSide | None, access: Access, *, is_sampled: bool
) -> ServerFinding:
    """Find out what one server does; see `Probe`.

    Raises:
        ModelError: it cannot be used as asked.
    """
    with Talk(base_url, access) as talk:
        return Probe(talk, model, side).run(is_sampled=is_sampled)


def _no_way(reasons: list[str]) -> str:
    """What is wrong with a server to which no kind of prompt could be sent."""
    said = [reason.partition(": ")[2] for reason in reasons]
    if all(words.startswith("HTTP 404") for words in said):
        allowed = "base_url is what stands before /completions, usually http://HOST:PORT/v1"
        return f"serves no completions: {said[0]}; {allowed}"
    return f"takes no prompt: {'; '.join(reasons)}"


def _is_decided(draws: list[str]) -> bool:
    """Whether draws with the seeds a, b, a, b are equal where the seeds are, and only there."""
    return draws[:2] == draws[2:] and draws[0] != draws[1]


def _n_choices(body: dict[str, Any]) -> int:
    choices = body.get("choices")
    return len(choices) if isinstance(choices, list) else 0


def _said(choice: Any) -> Any:
    return choice.get("text", choice.get("message")) if isinstance(choice, dict) else None


def _prompt_tokens(body: dict[str, Any]) -> int | None:
    usage = body.get("usage")
    found = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return found if type(found) is int else None
