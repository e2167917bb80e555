import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.splitting import Rule, split_text
from prmkit.steps import split_steps

RULES: tuple[Rule, ...] = ("blank_line", "line", "numbered")


def steps(text: str, rule: Rule) -> list[str]:
    return [piece.strip() for piece in split_text(text, rule)]


def test_each_rule_begins_a_step_where_it_says() -> None:
    text = "Step 1: a\nstill\n\nmore\nStep 2: b\n"
    assert steps(text, "blank_line") == ["Step 1: a\nstill", "more\nStep 2: b"]
    assert steps(text, "line") == ["Step 1: a", "still", "more", "Step 2: b"]
    assert steps(text, "numbered") == ["Step 1: a\nstill\n\nmore", "Step 2: b"]


@pytest.mark.parametrize("head", ["Step 2:", "## Step 2", "**Step 2**:", "  step 2."])
def test_steps_are_numbered_in_many_ways(head: str) -> None:
    assert steps(f"Step 1: a\n{head} b", "numbered") == ["Step 1: a", f"{head} b".strip()]
    assert len(steps(f"as in {head} b\nthe steps", "numbered")) == 1


def test_a_code_fence_is_one_step() -> None:
    code = "```python\nx = 1\n\ny = 2\nStep 9: no\n```"
    assert steps(f"Run\n\n{code}\n\nso 3", "blank_line") == ["Run", code, "so 3"]
    assert steps(f"Run\n{code}\nso 3", "line") == ["Run", code, "so 3"]
    assert steps(f"Step 1: a\n{code}\nStep 2: b", "numbered") == [f"Step 1: a\n{code}", "Step 2: b"]


def test_an_open_fence_reaches_to_the_end() -> None:
    assert steps("a\n\n```\nb\n\nc", "blank_line") == ["a", "```\nb\n\nc"]


def test_a_longer_fence_holds_a_shorter_one() -> None:
    assert len(split_text("````\n```\n\na\n\n```\n````", "blank_line")) == 1


@pytest.mark.parametrize(
    "math",
    [
        "$$\nx = 1\n\ny = 2\n$$",
        "\\[\nx = 1\n\ny = 2\n\\]",
        "\\begin{align*}\nx &= 1\\\\[4pt]\n\ny &= 2\n\\end{align*}",
        "\\begin{array}{c}\n\\begin{array}{c}\n\na\n\\end{array}\n\nb\n\\end{array}",
    ],
)
def test_display_math_is_not_torn_apart(math: str) -> None:
    assert steps(f"We get\n\n{math}\n\nso", "blank_line") == ["We get", math, "so"]
    assert steps(f"We get\n{math}\nso", "line") == ["We get", math, "so"]


def test_display_math_that_never_closes_holds_nothing_together() -> None:
    for opening in ("$$", "\\[", "\\begin{align}"):
        assert len(split_text(f"a {opening}\n\nb\n\nc", "blank_line")) == 3


def test_dollars_inside_code_are_no_math() -> None:
    assert steps("```\n$$\n```\n\na\n\n$5\n\nb", "blank_line") == ["```\n$$\n```", "a", "$5", "b"]


def test_a_list_stays_with_its_introduction_and_ends_with_it() -> None:
    bullets = "The values are:\n- one\n  and more\n- two"
    assert steps(f"Look.\n{bullets}\nThen", "line") == ["Look.", bullets, "Then"]
    numbers = "We know:\n1. one\n2. two"
    assert steps(f"{numbers}\nThen", "line") == [numbers, "Then"]
    assert steps("(a) one\n(b) two\nThen", "line") == ["(a) one\n(b) two", "Then"]


def test_blank_lines_part_numbered_paragraphs_but_not_bullets() -> None:
    assert steps("- one\n\n- two\n\n  more\n\nThen", "blank_line") == [
        "- one\n\n- two\n\n  more",
        "Then",
    ]
    assert steps("1. one\n\n2. two", "blank_line") == ["1. one", "2. two"]


def test_white_space_around_steps_is_kept_in_the_pieces() -> None:
    assert split_text(" \n\na\n\n\n\nb \n\n", "blank_line") == [" \n\na\n\n\n\n", "b \n\n"]
    assert split_text("", "line") == []
    assert split_text(" \n", "line") == [" \n"]


def test_a_maximum_joins_neighbours_evenly() -> None:
    text = "a\nb\nc\nd\ne\nf\ng"
    assert split_text(text, "line", 3) == ["a\nb\nc\n", "d\ne\n", "f\ng"]
    assert split_text(text, "line", 1) == [text]
    assert len(split_text(text, "line", 99)) == 7
    with pytest.raises(ValueError, match="max_steps 0"):
        split_text(text, "line", 0)


WORDS = "a|b |:|- x|1. y|Step 2: z|```|~~~|$$|\\[|\\]|\\begin{a}|\\end{a}|\\begin{b}|\\end{b}"
PARTS = st.sampled_from([*WORDS.split("|"), "\n", "\n\n", "\r\n", " ", "\t", "\u2028"])
TEXTS = st.lists(PARTS, max_size=40).map("".join)


@given(TEXTS, st.sampled_from(RULES), st.none() | st.integers(1, 5))
def test_the_pieces_are_the_text(text: str, rule: Rule, most: int | None) -> None:
    pieces = split_text(text, rule, most)
    assert "".join(pieces) == text
    assert all(pieces)
    assert most is None or len(pieces) <= most
    if text.strip():
        assert all(piece.strip() for piece in pieces)


WHOLE = [
    "```\nx\n\n$$\n```",
    "~~~\nStep 4: x\n\n~~~",
    "$$\nx\n\ny\n$$",
    "\\[\nx\n\nStep 5: y\n\\]",
    "\\begin{cases}\nx\n\n1. y\n\\end{cases}",
    "- x\n- y",
    "so:\n1. x\n2. y",
]
PROSE = ["a", "b:", "Step 3: c", "d\ne", "$f$"]


@given(
    st.lists(st.sampled_from([*WHOLE, *PROSE]), max_size=8),
    st.sampled_from(RULES),
    st.sampled_from(["\n", "\n\n"]),
)
def test_what_belongs_together_is_in_one_piece(parts: list[str], rule: Rule, between: str) -> None:
    pieces = split_text(between.join(parts), rule)
    for part in parts:
        assert part not in WHOLE or any(part in piece for piece in pieces)


PLAIN = st.text(alphabet="ab \n", max_size=40)


@given(PLAIN)
def test_plain_text_at_blank_lines_is_split_as_the_paper_does(text: str) -> None:
    # a line of white space alone is blank here, and no delimiter there
    tidy = re.sub(r"\n +\n", "\n\n", re.sub(r"\n +(?=\n)", "\n", text))
    expected = [] if not tidy.strip() else list(split_steps(tidy))
    assert [piece.strip() for piece in split_text(tidy) if piece.strip()] == expected


def test_hostile_text_takes_linear_time() -> None:
    for part in ("\\[", "\\begin{a}", "$$ ", "```\n", "- a\n", "\n", "Step 1 ", "  "):
        text = part * 10_000
        assert "".join(split_text(text, "blank_line")) == text
