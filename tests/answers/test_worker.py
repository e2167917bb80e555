"""The process side of answer checking, and what it says on its sockets."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from prmkit.answers.worker import compare


@pytest.mark.parametrize(
    ("answer", "reference", "verdict"),
    [
        ("t+t", "2t", "equal"),  # t is no tonne here
        ("3t", "2t", "different"),
        ("$5$ is the answer", "5", "equal"),
        (r"2\$", "2", "equal"),
        ("what is this 5 apples here", "5", "equal"),  # the number in prose
        ("x > 5", "5 < x", "equal"),
    ],
)
def test_math_verify_decides_text_and_bare_expressions(
    answer: str, reference: str, verdict: str
) -> None:
    assert compare(answer, reference).verdict == verdict


def test_an_unreadable_reference_is_unscored_and_an_unreadable_answer_is_different() -> None:
    assert compare("5", " ") == ("unscored", "reference is not readable as mathematics")
    words = "the value is about five or so"
    assert compare(words, "5") == ("different", "answer is not readable as mathematics")


class Keeper(NamedTuple):
    """A keeper with one worker, and the near ends of its sockets."""

    process: "subprocess.Popen[bytes]"
    control: socket.socket
    worker: socket.socket


def heard(end: socket.socket) -> dict[str, Any]:
    data = b""
    while not data.endswith(b"\n"):
        byte = end.recv(1)
        if not byte:
            raise EOFError(data)
        data += byte
    message: dict[str, Any] = json.loads(data)
    return message


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    (control, far_control), (worker, far_worker) = socket.socketpair(), socket.socketpair()
    fds = [far_control.fileno(), far_worker.fileno()]
    command = [sys.executable, "-m", "prmkit.answers.worker", "5", str(4 << 30), *map(str, fds)]
    process = subprocess.Popen(command, pass_fds=fds)
    far_control.close()
    far_worker.close()
    for end in (control, worker):
        end.settimeout(60)
    yield Keeper(process, control, worker)
    control.close()
    worker.close()
    process.wait(20)


def test_a_worker_answers_requests_by_their_number_and_leaves_with_its_owner(
    keeper: Keeper,
) -> None:
    first = heard(keeper.worker)
    assert first["before"] == ""
    request = {"id": 7, "answer": "x > 2", "reference": "2 < x"}
    keeper.worker.sendall(json.dumps(request).encode() + b"\n")
    said = heard(keeper.worker)
    assert said == {"id": 7, "verdict": "equal", "reason": "", "leaving": False}
    keeper.worker.shutdown(socket.SHUT_WR)
    # nothing more can come on that socket, which its successor finds, too
    successor = heard(keeper.worker)
    assert successor["before"] == "worker ended"
    assert successor["pid"] != first["pid"]
    keeper.control.close()
    assert keeper.process.wait(20) == 0


def test_the_keeper_kills_workers_of_its_own_and_no_other_process(keeper: Keeper) -> None:
    worker = heard(keeper.worker)["pid"]
    with subprocess.Popen(["sleep", "60"]) as stranger:
        keeper.control.sendall(f"{stranger.pid}\n{worker}\n".encode())
        assert heard(keeper.worker)["before"] == "worker died of SIGKILL"
        assert stranger.poll() is None
        stranger.kill()
