import pytest
from pydantic import ValidationError

from prmkit.generators.base import Completion, Message, Request, Sampling, generate
from prmkit.generators.scripted import ScriptedGenerator

BASE = Request(messages=(Message(role="user", content="q"),), seed=1)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"prefix": "a"},
        {"messages": (Message(role="user", content="r"),)},
        {"sampling": Sampling(temperature=0.5)},
        {"sampling": Sampling(stop=("\n",))},
    ],
)
def test_a_key_changes_with_everything_that_decides_the_completion(
    change: dict[str, object],
) -> None:
    assert BASE.model_copy(update=change).key("m") != BASE.key("m")


def test_a_key_changes_with_the_model_and_with_nothing_else() -> None:
    assert BASE.key("m") != BASE.key("n")
    assert BASE.key("m") == Request.model_validate(BASE.model_dump()).key("m")


def test_generate_returns_replies_in_request_order() -> None:
    requests = [BASE.model_copy(update={"seed": s}) for s in range(20)]
    generator = ScriptedGenerator(lambda r: str(r.seed), release=3, shuffle_seed=4)
    replies = generate(generator, requests)
    assert [r.text for r in replies if isinstance(r, Completion)] == [str(s) for s in range(20)]


def test_generate_of_nothing_asks_nothing() -> None:
    assert generate(ScriptedGenerator({}), []) == []


def test_a_request_without_messages_is_refused() -> None:
    with pytest.raises(ValidationError):
        Request(messages=(), seed=0)
