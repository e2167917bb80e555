"""Claims about a small model that several processes decode."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_models import tiny_backbone

from prmkit.errors import ModelError, RunError
from prmkit.generators.base import Completion, Failure, Message, Request, Sampling, generate
from prmkit.generators.crew import Crew, CrewGenerator
from prmkit.generators.hf_local import HfLocalGenerator
from prmkit.generators.load import load_generator


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_backbone(tmp_path_factory.mktemp("qwen"))


@pytest.fixture(scope="module", autouse=True)
def _dismissed() -> Iterator[None]:
    yield
    Crew.dismiss()


def requests(n: int = 24, **sampling: int) -> list[Request]:
    """Three conversations, so many draws in all, each with a seed of its own."""
    return [
        Request(
            messages=(Message(role="user", content=f"Problem {i % 3}?"),),
            prefix="So " * (i % 4),
            seed=i,
            sampling=Sampling(**{"max_new_tokens": 5 + i % 7} | sampling),
        )
        for i in range(n)
    ]


def collect_all(generator: CrewGenerator) -> None:
    """Wait for more completions than there are."""
    for _ in range(100):
        generator.collect()
        time.sleep(0.01)


def test_any_number_of_processes_writes_what_one_does(qwen: Path) -> None:
    alone = generate(HfLocalGenerator(qwen, batch_size=8, threads=1), requests())
    for n in (1, 2):
        crew = CrewGenerator(qwen, 8, n)
        assert crew.model_id == HfLocalGenerator(qwen).model_id
        together = generate(crew, requests())
        assert [r.text for r in together if isinstance(r, Completion)] == [
            r.text for r in alone if isinstance(r, Completion)
        ]


def test_what_cannot_be_written_is_a_failure_and_the_rest_goes_on(qwen: Path) -> None:
    long = requests(1, max_new_tokens=5000)
    first, *others = generate(CrewGenerator(qwen, 4, 2), long + requests(5))
    assert isinstance(first, Failure)
    assert first.kind == "too_long"
    assert all(isinstance(reply, Completion) for reply in others)


def test_a_conversation_stays_together_and_the_load_is_even(qwen: Path) -> None:
    generator = CrewGenerator(qwen, 64, 2)
    crew = Crew.of(2)
    for ticket, request in enumerate(requests(12)):
        generator.submit(ticket, request)
    assert sorted(hand.n_open for hand in crew.hands) == [4, 8]  # whole conversations of four
    of_hand = [Counter(ticket % 3 for ticket, _ in hand.waiting) for hand in crew.hands]
    assert not of_hand[0].keys() & of_hand[1].keys()
    got = 0
    while got < 12:
        got += len(generator.collect())
    assert [hand.n_open for hand in crew.hands] == [0, 0]
    assert generator.collect() == []


def test_the_processes_outlive_a_model_and_serve_the_one_that_is_asked(
    qwen: Path, tmp_path: Path
) -> None:
    other = tiny_backbone(tmp_path / "other")
    one, two = CrewGenerator(qwen, 4, 2), CrewGenerator(other, 4, 2)
    pids = [hand.process.pid for hand in Crew.of(2).hands]
    assert one.model_id != two.model_id
    for generator in (one, two, one):
        assert all(isinstance(r, Completion) for r in generate(generator, requests(4)))
    assert [hand.process.pid for hand in Crew.of(2).hands] == pids


def test_a_model_that_cannot_be_used_is_said_so_and_a_good_one_works_after_it(
    qwen: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=str(tmp_path)):
        CrewGenerator(tmp_path, 4, 2)
    assert generate(CrewGenerator(qwen, 4, 2), requests(1))


def test_processes_end_when_they_are_dismissed(qwen: Path) -> None:
    generate(CrewGenerator(qwen, 4, 2), requests(2))
    hands = Crew.of(2).hands
    Crew.dismiss()
    assert [hand.process.poll() for hand in hands] == [0, 0]


def test_a_small_model_on_a_cpu_gets_a_process_a_core_and_one_core_none(qwen: Path) -> None:
    assert isinstance(load_generator(str(qwen), 8, threads=2), CrewGenerator)
    assert isinstance(load_generator(str(qwen), 8, threads=1), HfLocalGenerator)


def test_a_process_that_dies_is_an_error_and_the_next_generator_has_a_whole_crew(
    qwen: Path,
) -> None:
    generator = CrewGenerator(qwen, 4, 2)
    crew = Crew.of(2)
    for ticket, request in enumerate(requests(8, max_new_tokens=200)):
        generator.submit(ticket, request)
    os.kill(crew.hands[0].process.pid, signal.SIGKILL)
    with pytest.raises(RunError, match="a decoding process ended: killed"):
        collect_all(generator)
    assert all(isinstance(r, Completion) for r in generate(CrewGenerator(qwen, 4, 2), requests(4)))
