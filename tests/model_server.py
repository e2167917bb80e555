"""A real model server on loopback: `transformers serve` of the installed transformers.

It is started without a model and loads each one that a request names, in the number format that
`hf_local` decodes in on a CPU: rounding to another one would change greedy choices.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NEEDS = ("fastapi", "uvicorn", "openai")
"""What `transformers serve` imports beside the library."""
_START_S = 180


@contextmanager
def transformers_serve(folder: Path) -> Iterator[str]:
    """Its address, with no path, while the block runs; its log is in the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    program = Path(sys.executable).with_name("transformers")
    where = ["--host", "127.0.0.1", "--port", port]
    command = [str(program), "serve", *where, "--device", "cpu", "--dtype", "float32"]
    log = folder / "serve.txt"
    settings = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("w") as out:
        server = subprocess.Popen(command, env=settings, stdout=out, stderr=out)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, server, log)
        yield url
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until the server answers."""
    end = time.monotonic() + _START_S
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health") as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"transformers serve did not start: {log.read_text()[-2000:]}")
