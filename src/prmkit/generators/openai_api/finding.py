"""What the start-up probe found out about a server; part of a run's record."""

from typing import Literal

from pydantic import Field

from prmkit.records import Record

Kind = Literal["vllm", "sglang", "llama.cpp", "transformers", "other"]
Mode = Literal["ids", "text", "chat", "chat_whole"]
Dialect = Literal["vllm", "sglang", "llama.cpp", "transformers", "plain"]
SeedUse = Literal["honoured", "alone", "ignored", "untested"]


class ServerFinding(Record):
    """One server as it was when the run started."""

    base_url: str
    """Where it is."""
    kind: Kind
    """Which program serves, as far as it can be told."""
    version: str = ""
    """Its version in its own words; empty if it does not say."""
    model: str
    """The model's name in requests."""
    root: str = ""
    """Where the server says that it has the model from; empty if it does not say."""
    mode: Mode
    """How a prefix is continued: token ids, checked text, chat with `continue_final_message`, or
    `chat_whole`: not at all, only whole answers can be asked for."""
    mode_reason: str = ""
    """Why the modes before this one were not taken; empty for `ids`."""
    dialect: Dialect
    """Which set of sampling parameters it takes."""
    adds_special: bool = False
    """Whether it adds a begin token to text prompts, which are then sent without one."""
    counts_prompt: bool = False
    """Whether it counts prompt tokens as we do, so that each reply's count is checked."""
    tokenizer_checked: Literal["ids", "count", "no"] = "no"
    """What the given tokenizer was compared by: the server's token ids, its counts, or nothing."""
    context: int | None = Field(None, ge=1)
    """The most tokens of prompt and completion; None if it does not say."""
    n_honoured: bool | None = None
    """Whether `n` gives several completions in one reply; None = not tested."""
    seed: SeedUse = "untested"
    """Whether equal seeds give equal draws: `honoured` side by side, `alone` only one at a time."""
