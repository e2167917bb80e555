import pytest
from run_prm import Prm


@pytest.fixture
def prm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Prm:
    """The command line, run in this process."""
    return Prm(monkeypatch, capsys)
