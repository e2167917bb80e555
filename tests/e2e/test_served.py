"""Whole runs against a real server, straight and through a network that spoils what it carries.

`transformers serve` sets its seed for the whole process, so requests go one at a time.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from run_prm import Prm
from stub_servers import FAULTS, FaultyProxy

from prmkit.cli.run import opened
from prmkit.config import load_recipe
from prmkit.generators.load import resolve_model
from prmkit.pipeline.run import run_recipe
from prmkit.records import (
    Dropped,
    JudgeAnnotation,
    LabelledSolution,
    McAnnotation,
    Problem,
    Record,
    Solution,
)
from prmkit.store import read_records, write_records
from prmkit.strict_yaml import write_value
from prmkit.synthetic.problems import make_parts

pytestmark = pytest.mark.slow
N = 4
LIMITS = {"policy-weak": 200, "judge": 80}
ROLLOUTS = {"annotator": "sequential", "k": 2, "finished_is_known": True}
TABLES: dict[str, type[Record]] = {
    "solutions.train": Solution,
    "solutions.validation": Solution,
    "rollouts": McAnnotation,
    "judge.train": JudgeAnnotation,
    "consensus": LabelledSolution,
    "dropped": Dropped,
}


@pytest.fixture
def prm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Prm:
    return Prm(monkeypatch, capsys)


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An import of easy problems."""
    folder = tmp_path_factory.mktemp("data") / "easy"
    folder.mkdir()
    easy = [p for p in make_parts(0, {"train": 8})["train"] if p.split == "easy"]
    write_records(folder / "problems.parquet", easy, Problem)
    return folder


@pytest.fixture(scope="module")
def straight(served_url: str, problems: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose replies all arrive."""
    folder = tmp_path_factory.mktemp("straight")
    with opened(load_recipe(recipe(folder, problems, served_url, 0.8)), folder / "run") as run:
        run_recipe(run)
    return folder / "run"


@pytest.fixture
def proxy(served_url: str) -> Iterator[FaultyProxy]:
    with FaultyProxy(int(served_url.rpartition(":")[2])) as proxy:
        assert isinstance(proxy, FaultyProxy)
        proxy.drip_s = 0.002  # an end that never comes, before any time-out
        proxy.is_armed = True
        yield proxy


def model(name: str, url: str | None, temperature: float) -> dict[str, Any]:
    """A shipped model behind a server, or in this process."""
    where = {"base_url": url, "max_in_flight": 1} if url else {"batch_size": 8}
    sampling = {"temperature": temperature, "max_new_tokens": LIMITS[name]}
    return {"model": str(resolve_model(f"synthetic:{name}")), "sampling": sampling, **where}


def recipe(folder: Path, problems: Path, url: str | None, temperature: float) -> Path:
    """Solutions, rollouts, a judge and the consensus; nothing is trained."""
    settings = {
        "name": "served",
        "threads": 1,
        "problems": {
            "source": "imported",
            "train": [str(problems)],
            **{"n_train": N, "n_validation": 1, "n_process": 1, "n_best_of_n": 1},
        },
        "policies": {"weak": model("policy-weak", url, temperature)},
        "rollouts": ROLLOUTS,
        "judge": {**model("judge", url, 0.0), "prompt": "compact"},
        "training": {"base": "none"},
        "evaluation": {"resamples": 100},
    }
    path = folder / "recipe.yaml"
    path.write_text(write_value(settings))
    return path


def rows(run: Path, table: str) -> list[Record]:
    return read_records(run / f"{table}.parquet", TABLES[table])


def rollouts(run: Path) -> dict[str, McAnnotation]:
    found = read_records(run / "rollouts.parquet", McAnnotation)
    return {row.solution_id: row for row in found}


def report(run: Path) -> dict[str, Any]:
    """The report without the digest of the recipe, which holds the server's address."""
    found: dict[str, Any] = json.loads((run / "report.json").read_text())
    del found["recipe_digest"]
    return found


def paid(proxy: FaultyProxy) -> Counter[int]:
    """How many completions were received whole how often; the probe's short ones aside."""
    limits = [f'"max_tokens":{limit}'.encode() for limit in LIMITS.values()]
    return Counter(n for body, n in proxy.whole.items() if any(limit in body for limit in limits))


def test_a_run_through_a_faulty_network_gives_the_same_data_and_pays_for_nothing_twice(
    prm: Prm, straight: Path, problems: Path, proxy: FaultyProxy, tmp_path: Path
) -> None:
    spoilt = tmp_path / "run"
    through = recipe(tmp_path, problems, proxy.base_url, 0.8)
    done = prm("run", through, "--out", spoilt)
    assert done.code == 0, done.err
    for table in TABLES:
        assert rows(spoilt, table) == rows(straight, table), table
    assert len(rows(spoilt, "consensus") + rows(spoilt, "dropped")) == N + 1  # one held out
    assert report(spoilt) == report(straight)
    n_calls = sum(cost["n_calls"] for cost in report(spoilt)["cost"].values())
    assert paid(proxy) == {1: n_calls}
    assert set(proxy.faults) == set(FAULTS)


def test_labels_of_given_solutions_are_the_same_through_a_faulty_network(
    prm: Prm, straight: Path, proxy: FaultyProxy, tmp_path: Path
) -> None:
    settings = {
        "name": "again",
        "threads": 1,
        "solutions": str(straight),
        "completer": model("policy-weak", proxy.base_url, 0.8),
        "rollouts": ROLLOUTS,
        "resamples": 100,
    }
    (tmp_path / "labels.yaml").write_text(write_value(settings))
    done = prm("rollout", tmp_path / "labels.yaml", "--out", tmp_path / "run")
    assert done.code == 0, done.err
    # a solution's draws are its own: those of the run that it is from
    again, of_run = rollouts(tmp_path / "run"), rollouts(straight)
    assert again == {key: of_run[key] for key in again}
    assert len(again) == N
    assert paid(proxy) == {1: sum(row.usage.n_calls for row in again.values())}
    assert sum(proxy.faults.values()) > 5


def test_greedy_labels_of_a_run_are_those_of_the_local_engine(
    prm: Prm, served_url: str, problems: Path, tmp_path: Path
) -> None:
    served, local = tmp_path / "served", tmp_path / "local"
    for url, out in ((served_url, served), (None, local)):
        done = prm("run", recipe(tmp_path, problems, url, 0.0), "--out", out)
        assert done.code == 0, done.err
    for table in ("consensus", "dropped"):
        assert rows(served, table) == rows(local, table)
    assert len(rows(served, "consensus") + rows(served, "dropped")) == N + 1  # one held out
    for table in ("solutions.train", "rollouts", "judge.train"):
        assert bare(rows(served, table)) == bare(rows(local, table))


def bare(found: list[Record]) -> list[dict[str, Any]]:
    """Records without what they cost: what an engine had in its cache is its own affair."""
    dumps = [row.model_dump(exclude={"usage"}) for row in found]
    for row in dumps:
        for step in row["steps"] if "annotator" in row else ():
            del step["usages"]
    return dumps
