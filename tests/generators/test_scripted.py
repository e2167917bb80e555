import pytest

from prmkit.generators.base import Completion, Failure, Message, Request, Sampling, generate
from prmkit.generators.scripted import ScriptedGenerator


def ask(question: str, seed: int = 0, prefix: str = "", **sampling: object) -> Request:
    return Request(
        messages=(Message(role="user", content=question),),
        prefix=prefix,
        seed=seed,
        sampling=Sampling.model_validate(sampling),
    )


def texts(generator: ScriptedGenerator, *requests: Request) -> list[str]:
    replies = generate(generator, requests)
    return [r.text if isinstance(r, Completion) else r.kind for r in replies]


def test_a_table_answers_by_question_and_the_empty_key_answers_the_rest() -> None:
    assert texts(ScriptedGenerator({"a": "1", "": "2"}), ask("a"), ask("b")) == ["1", "2"]
    assert texts(ScriptedGenerator({"a": "1"}), ask("b")) == ["malformed"]


def test_a_function_answers_by_the_whole_request() -> None:
    generator = ScriptedGenerator(lambda r: f"{r.prefix}+{r.seed}")
    assert texts(generator, ask("a", seed=3, prefix="p")) == ["p+3"]


def test_the_seed_chooses_among_several_lines() -> None:
    generator = ScriptedGenerator({"": ["x", "y", Failure(kind="timeout", message="late")]})
    assert texts(generator, *(ask("a", seed=s) for s in range(4))) == ["x", "y", "timeout", "x"]


def test_stop_texts_and_length_are_obeyed_and_words_are_counted() -> None:
    generator = ScriptedGenerator({"": "one two three four"})
    stopped, cut = generate(
        generator,
        [ask("so many words", stop=(" three",)), ask("a", prefix="b c", max_new_tokens=3)],
    )
    assert isinstance(stopped, Completion)
    assert isinstance(cut, Completion)
    assert (stopped.text, stopped.finish_reason) == ("one two", "stop")
    assert (stopped.usage.prompt_tokens, stopped.usage.generated_tokens) == (3, 2)
    assert (cut.text, cut.finish_reason) == ("one two three", "length")
    assert (cut.usage.prompt_tokens, cut.usage.generated_tokens) == (3, 3)


def test_replies_come_in_groups_and_out_of_order() -> None:
    generator = ScriptedGenerator({"": "x"}, release=2, shuffle_seed=1)
    for ticket in range(5):
        generator.submit(ticket, ask("a"))
    groups = [[c.ticket for c in generator.collect()] for _ in range(4)]
    assert [len(g) for g in groups] == [2, 2, 1, 0]
    flat = [ticket for group in groups for ticket in group]
    assert sorted(flat) == list(range(5))
    assert flat != list(range(5))


def test_requests_are_recorded() -> None:
    generator = ScriptedGenerator({"": "x"}, model_id="m")
    generate(generator, [ask("a"), ask("b")])
    assert [r.messages[0].content for r in generator.requests] == ["a", "b"]
    assert generator.n_most_outstanding == 2
    assert generator.model_id == "m"


def test_a_ticket_twice_and_an_empty_release_are_refused() -> None:
    generator = ScriptedGenerator({"": "x"})
    generator.submit(1, ask("a"))
    with pytest.raises(ValueError, match="ticket 1"):
        generator.submit(1, ask("a"))
    with pytest.raises(ValueError, match="release = 0"):
        ScriptedGenerator({"": "x"}, release=0)
