import gc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.generators.base import Completion, Failure, Message, Request
from prmkit.generators.drive import Task, drive
from prmkit.generators.scripted import ScriptedGenerator

Shape = list[int]  # how many requests a task yields, round by round


class DictCache:
    """A cache in memory; failures would not fit its type."""

    def __init__(self) -> None:
        self.kept: dict[str, Completion] = {}

    def replies(self, keys: list[str]) -> dict[str, Completion]:
        return {key: self.kept[key] for key in keys if key in self.kept}

    def remember(self, replies: dict[str, Completion]) -> None:
        self.kept.update(replies)


def ask(text: str, seed: int = 0) -> Request:
    return Request(messages=(Message(role="user", content=text),), seed=seed)


def echo(request: Request) -> str:
    return request.messages[0].content


def conversation(name: str, shape: Shape) -> Task[list[str]]:
    """Ask `name/round/place`; the texts of all replies in the order they were given."""
    texts: list[str] = []
    for n_round, n in enumerate(shape):
        replies = yield [ask(f"{name}/{n_round}/{place}") for place in range(n)]
        assert len(replies) == n
        texts += [r.text if isinstance(r, Completion) else r.kind for r in replies]
    return texts


def expected(name: str, shape: Shape) -> list[str]:
    return [f"{name}/{n_round}/{place}" for n_round, n in enumerate(shape) for place in range(n)]


@given(
    shapes=st.lists(st.lists(st.integers(0, 4), max_size=4), max_size=12),
    release=st.one_of(st.none(), st.integers(1, 5)),
    shuffle_seed=st.one_of(st.none(), st.integers(0, 99)),
    max_open=st.integers(1, 6),
    cache=st.one_of(st.none(), st.builds(DictCache)),
)
def test_each_task_gets_its_own_replies_in_its_own_order(
    shapes: list[Shape],
    release: int | None,
    shuffle_seed: int | None,
    max_open: int,
    cache: DictCache | None,
) -> None:
    generator = ScriptedGenerator(echo, release=release, shuffle_seed=shuffle_seed)
    tasks = [conversation(f"t{i}", shape) for i, shape in enumerate(shapes)]
    results = list(drive(tasks, generator, cache, max_open))
    assert sorted(results) == [(i, expected(f"t{i}", s)) for i, s in enumerate(shapes)]
    assert len(generator.requests) == sum(map(sum, shapes))
    assert generator.n_most_outstanding <= max_open * 4


def test_what_the_cache_holds_is_never_asked_again() -> None:
    cache = DictCache()
    shapes = [[2, 1], [3], []]
    first = dict(drive([conversation("t", s) for s in shapes], ScriptedGenerator(echo), cache))
    silent = ScriptedGenerator({})
    again = dict(drive([conversation("t", s) for s in shapes], silent, cache))
    assert again == first
    assert silent.requests == []


def test_only_the_missing_part_of_a_round_is_asked() -> None:
    cache = DictCache()
    dict(drive([conversation("t", [1])], ScriptedGenerator(echo), cache))
    generator = ScriptedGenerator(echo)
    assert dict(drive([conversation("t", [3])], generator, cache)) == {0: expected("t", [3])}
    assert [echo(r) for r in generator.requests] == ["t/0/1", "t/0/2"]


def test_another_models_replies_are_not_taken_from_the_cache() -> None:
    cache = DictCache()
    dict(drive([conversation("t", [1])], ScriptedGenerator(echo, model_id="a"), cache))
    other = ScriptedGenerator(echo, model_id="b")
    dict(drive([conversation("t", [1])], other, cache))
    assert len(other.requests) == 1


def test_a_failure_reaches_its_task_and_is_asked_again_next_time() -> None:
    cache = DictCache()
    broken = ScriptedGenerator(lambda _: Failure(kind="timeout", message="late"))
    assert dict(drive([conversation("t", [2])], broken, cache)) == {0: ["timeout", "timeout"]}
    assert cache.kept == {}
    assert dict(drive([conversation("t", [2])], ScriptedGenerator(echo), cache)) == {
        0: expected("t", [2])
    }


def test_a_reply_is_kept_before_its_task_sees_it() -> None:
    cache = DictCache()

    def fragile() -> Task[None]:
        yield [ask("a")]
        raise RuntimeError("the task broke")

    with pytest.raises(RuntimeError, match="the task broke"):
        list(drive([fragile()], ScriptedGenerator(echo), cache))
    assert len(cache.kept) == 1


def test_tasks_are_pulled_only_as_they_fit() -> None:
    pulled = 0

    def tasks() -> Iterator[Task[list[str]]]:
        nonlocal pulled
        for i in range(10):
            pulled += 1
            yield conversation(str(i), [1])

    running = drive(tasks(), ScriptedGenerator(echo, release=1), max_open=3)
    next(running)
    assert pulled == 3
    assert len(list(running)) == 9


def test_garbage_is_searched_for_less_often_while_tasks_run_and_as_before_after_them() -> None:
    before = gc.get_threshold()
    during = list[int]()

    def watching() -> Task[None]:
        yield [ask("a")]
        during.append(gc.get_threshold()[0])

    running = drive([watching(), watching()], ScriptedGenerator(echo, release=1))
    next(running)
    del running  # as a stage does that stops half-way
    assert during[0] > before[0]
    assert gc.get_threshold() == before


def test_what_tasks_ask_together_is_looked_up_together() -> None:
    lookups = list[int]()

    class Counting(DictCache):
        def replies(self, keys: list[str]) -> dict[str, Completion]:
            lookups.append(len(keys))
            return super().replies(keys)

    tasks = [conversation(f"t{i}", [2, 1]) for i in range(5)]
    assert len(list(drive(tasks, ScriptedGenerator(echo), Counting()))) == 5
    assert lookups == [10, 5]
