"""Settings of all tests, and what several folders need."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from model_server import NEEDS, transformers_serve

# A deadline by the clock fails a right test on a busy machine.
settings.register_profile("prmkit", deadline=None)
settings.load_profile("prmkit")


@pytest.fixture(scope="session")
def served_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a `transformers serve`."""
    for name in NEEDS:
        pytest.importorskip(name, reason="transformers serve needs fastapi, uvicorn and openai")
    with transformers_serve(tmp_path_factory.mktemp("serve")) as url:
        yield url
