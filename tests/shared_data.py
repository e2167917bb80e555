"""Where the real data files are, for tests that compare counts with the published ones."""

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]


def shared(name: str) -> Path:
    """A file of the real data; the test is skipped where there is none."""
    folder = Path(os.environ.get("PRMKIT_SHARED_DATA", _ROOT.parent / "shared" / "data"))
    if not (folder / name).exists():
        pytest.skip(f"no real data: {folder / name} is not there; set PRMKIT_SHARED_DATA")
    return folder / name
