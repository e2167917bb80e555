import pytest
from made_runs import make_run

from prmkit.store import StoredRun, read_run


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    return read_run(make_run(tmp_path_factory.mktemp("runs") / "made"))
