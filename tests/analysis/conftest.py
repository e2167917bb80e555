from pathlib import Path

import pytest
from made_runs import make_run

from prmkit.store import StoredRun, read_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    return read_run(make_run(tmp_path_factory.mktemp("runs") / "whole"))


@pytest.fixture(scope="session")
def sequential(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    path: Path = tmp_path_factory.mktemp("runs") / "sequential"
    return read_run(make_run(path, rollouts__annotator="sequential"))
