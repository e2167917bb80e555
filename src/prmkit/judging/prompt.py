r"""What a judge reads: a problem and numbered paragraphs, filled into a prompt file.

Prompts are text files in `prompts/` with the places {problem} and {paragraphs}. They are filled in
one pass: braces in a problem or a step are never taken for places, and other braces of the file
(\boxed{}) stay as they are. Problem and steps are untrusted: a tag of the prompts written inside
them is escaped, so that a step cannot close its paragraph or open another.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib import resources

from prmkit.errors import ConfigError
from prmkit.records import Question, Solution

_PLACE = re.compile(r"\{(problem|paragraphs)\}")
_TAG = re.compile(r"<(?=\s*/?\s*(?:paragraph_|problem\b|solution\b))", re.IGNORECASE)


def judge_prompt(name: str, problem: Question, solution: Solution) -> str:
    """The text of the judge's user turn.

    Raises:
        ConfigError: no prompt has that name.
    """
    values = {"problem": _escape(problem.question), "paragraphs": paragraphs(solution.steps)}
    return fill(load_prompt(name), values)


def load_prompt(name: str) -> str:
    """A prompt file's text, without the line break that ends the file.

    Raises:
        ConfigError: no prompt has that name.
    """
    known = prompt_names()
    if name not in known:
        raise ConfigError(f"judge prompt {name!r}: allowed are {', '.join(known)}")
    text = (resources.files("prmkit.judging") / "prompts" / f"{name}.txt").read_text("utf-8")
    return text.removesuffix("\n")


def prompt_names() -> tuple[str, ...]:
    """Names of the prompts that ship, sorted."""
    files = (resources.files("prmkit.judging") / "prompts").iterdir()
    return tuple(sorted(f.name.removesuffix(".txt") for f in files if f.name.endswith(".txt")))


def prompt_digest(name: str) -> str:
    """Content hash of a prompt, for the run's manifest: critics move with their wording.

    Raises:
        ConfigError: no prompt has that name.
    """
    return hashlib.sha256(load_prompt(name).encode()).hexdigest()


def paragraphs(steps: Sequence[str]) -> str:
    """The steps, one tagged paragraph a line, numbered from 0."""
    return "\n".join(
        f"<paragraph_{index}>{_escape(step)}</paragraph_{index}>"
        for index, step in enumerate(steps)
    )


def fill(template: str, values: Mapping[str, str]) -> str:
    """Fill a template's places in one pass; what is filled in is not scanned again."""
    return _PLACE.sub(lambda place: values[place[1]], template)


def _escape(text: str) -> str:
    return _TAG.sub("&lt;", text)
