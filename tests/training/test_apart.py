"""Claims about trainings in processes of their own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import tiny_backbone

from prmkit.config import TrainingConfig
from prmkit.errors import DataError, ModelError
from prmkit.records import LabelledSolution
from prmkit.training.apart import Training, train_apart
from prmkit.training.trainer import train_prm


def row(n: int, *labels: float) -> LabelledSolution:
    return LabelledSolution(
        solution_id=str(n),
        question=f"{n} + 1?",
        steps=tuple(f"step {i}" for i in range(len(labels))),
        labels=labels,
        source="mc",
    )


ROWS = [row(0, 1.0, 1.0), row(1, 0.0), row(2, 1.0, 0.0), row(3, 1.0)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_backbone(tmp_path_factory.mktemp("base"))


def training(name: str, base: Path, out: Path, **changes: Any) -> Training:
    config = TrainingConfig(base=str(base), epochs=2, batch_size=2, learning_rate=1e-3)
    return Training(name, ROWS, ROWS, config, out, 0)._replace(**changes)


def test_side_by_side_each_learns_what_it_learns_alone_on_one_core(
    base: Path, tmp_path: Path
) -> None:
    seen: dict[str, tuple[int, int]] = {}
    inside: list[str] = []

    @contextmanager
    def around(name: str) -> Iterator[None]:
        inside.append(name)
        yield

    few = training("few", base, tmp_path / "few", examples=ROWS[:2])
    todo = [training("all", base, tmp_path / "all"), few]
    train_apart(todo, 2, lambda name, n, of: seen.update({name: (n, of)}), around)
    assert seen == {"all": (4, 4), "few": (2, 2)}
    assert sorted(inside) == ["all", "few"]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    for one in todo:
        alone = tmp_path / f"{one.name}-alone"
        train_prm(one.examples, one.validation, one.config, alone, one.seed)
        expected, found = (load_file(p / "model.safetensors") for p in (alone, one.out))
        assert all(torch.equal(expected[name], found[name]) for name in expected)
    torch.set_num_threads(before)


def test_a_training_that_cannot_be_done_is_the_error_that_it_is_alone(
    base: Path, tmp_path: Path
) -> None:
    def ignore(*_: object) -> None:
        pass

    with pytest.raises(ModelError):
        train_apart([training("a", tmp_path / "none", tmp_path / "a")], 1, ignore)
    short = training("b", base, tmp_path / "b").config.model_copy(update={"max_tokens": 8})
    todo = [training("b", base, tmp_path / "b", config=short)]
    with pytest.raises(DataError, match="no usable training row, 4 rejected"):
        train_apart(todo, 1, ignore)
    assert not (tmp_path / "b").exists()
    assert threading.active_count() < 10
