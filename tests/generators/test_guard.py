import pytest

from prmkit.errors import TooManyFailures
from prmkit.generators.base import Completion, Failure, Message, Request, generate
from prmkit.generators.guard import Guarded
from prmkit.generators.scripted import ScriptedGenerator

REQUESTS = [Request(messages=(Message(role="user", content=str(i)),), seed=i) for i in range(300)]


def failing_every(n: int) -> ScriptedGenerator:
    def script(request: Request) -> str | Failure:
        if request.seed % n == 0:
            return Failure(kind="server", message="500")
        return "fine"

    return ScriptedGenerator(script, release=10)


def test_few_failures_pass_as_values_and_can_be_told() -> None:
    guarded = Guarded(failing_every(50), 0.05, "rollouts")
    assert guarded.complaint == ""
    replies = generate(guarded, REQUESTS)  # 2 %
    assert sum(isinstance(reply, Completion) for reply in replies) == 294
    assert guarded.complaint == "rollouts: 6 of 300 calls failed; the last: server: 500"


def test_too_many_failures_stop_the_stage_and_say_why_and_what_to_do() -> None:
    with pytest.raises(TooManyFailures, match=r"rollouts: \d+ of \d+ .* 5%; .* server: 500; run"):
        generate(Guarded(failing_every(4), 0.05, "rollouts"), REQUESTS)


def test_what_arrived_with_the_last_failure_is_handed_out_first() -> None:
    # 10 replies a collect, every fourth fails: 3, 5, 8 failures; 8 is past 5 % of 100, yet the
    # third collect's replies still come out, and the fourth raises
    guarded = Guarded(failing_every(4), 0.05, "rollouts")
    for ticket, request in enumerate(REQUESTS):
        guarded.submit(ticket, request)
    assert [len(guarded.collect()) for _ in range(3)] == [10, 10, 10]
    with pytest.raises(TooManyFailures):
        guarded.collect()


def test_one_failure_of_few_calls_is_no_cause() -> None:
    replies = generate(Guarded(failing_every(10), 0.05, "rollouts"), REQUESTS[:10])
    assert isinstance(replies[0], Failure)
