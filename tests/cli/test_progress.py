"""What a person sees of a run whose stderr is not a terminal."""

import io

from prmkit.cli.progress import LiveProgress


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_line_now_and_then_says_how_fast_and_how_long_still() -> None:
    out, clock = io.StringIO(), Clock()
    live = LiveProgress(out, clock)
    live.begin("rollouts", 40, "solutions")
    clock.now += 21
    live.advance(0)
    live.advance(5, 210)  # too soon after the line before
    clock.now += 21
    live.advance(5, 210)
    clock.now += 42
    live.end("10 annotated")
    assert out.getvalue().splitlines() == [
        "  rollouts: 0/40 solutions",
        # 10 of 40 after 42 s: three times as long for the rest; 420 tokens in 42 s
        "  rollouts: 10/40 solutions, 10 tokens/s, about 126 s left",
        "done rollouts                 84.0 s  10 annotated  5 tokens/s",
    ]


def test_work_without_tokens_has_no_rate() -> None:
    out, clock = io.StringIO(), Clock()
    live = LiveProgress(out, clock)
    live.begin("train.mc", 4, "updates")
    live.resize(8)
    clock.now += 30
    live.advance(2)
    assert out.getvalue() == "  train.mc: 2/8 updates, about 90 s left\n"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_bar_that_is_gone_when_the_stage_is_done() -> None:
    out, clock = Terminal(), Clock()
    live = LiveProgress(out, clock)
    live.begin("rollouts", 4, "solutions")
    live.resize(8)
    clock.now += 10
    live.advance(2, 500)
    live.end("2 annotated")
    drawn = out.getvalue()
    assert "2/8 solutions" in drawn
    assert "50 tokens/s" in drawn
    *_, last = drawn.splitlines()
    assert "rollouts" in last
    assert "2 annotated" in last
    assert "2/8" not in last
