import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.answers.extract import boxed_answer, extract, extract_answer

CASES = [
    (r"So \boxed{5}.", "5", "boxed"),
    (r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{1}{\sqrt{2}}", "boxed"),
    (r"\fbox{7}", "7", "boxed"),
    (r"First \boxed{1}, later I see that it is \boxed{2}.", "2", "boxed"),
    (r"\boxed 5", "5", "boxed"),
    (r"is $\boxed 54$.", "54", "boxed"),
    (r"\boxed{\{1, 2\}}", r"\{1, 2\}", "boxed"),
    (r"\boxed{\boxed{3}}", "3", "boxed"),
    (r"\boxed{x = \fbox{3} + 1}", r"x = \fbox{3} + 1", "boxed"),
    ("\\boxed{\n 42 \n}", "42", "boxed"),
    (r"\boxed{2} \text{ and } \boxed{6}", "2, 6", "boxed"),
    (r"$x = \boxed{1}$, $y = \boxed{2}$", "1, 2", "boxed"),
    (r"\boxed{1} papers and \boxed{2} bins", "2", "boxed"),
    (r"\boxed{5} and, once more, \boxed{5}", "5", "boxed"),
    (r"put it within \boxed{}. The answer is 4.", "4", "answer_is"),
    (r"The box \boxed{\frac{1}{2} was cut off, but answer: 9", "9", "answer_colon"),
    ("6 + 6 = 12\n#### 1,200", "1,200", "gsm8k"),
    ("Final Answer: The final answer is $\\frac{3}{4}$. I hope it is correct.", r"\frac{3}{4}", ""),
    ("The final answer is 3.5. I hope it is correct.", "3.5", "final_answer"),
    (r"\boxed{$5$}", "5", "boxed"),
    (r"\boxed{$5$ or $6$}", "$5$ or $6$", "boxed"),
    ("see \\boxed $ and \\boxed{4}", "4", "boxed"),
    ("The answer is $5 a piece.", "$5 a piece", "answer_is"),
    ("The answer is: 12", "12", "answer_is"),
    ("the answer is $5$ dollars.", "5", "answer_is"),
    ("**Answer:** 8", "8", "answer_colon"),
    ("The answer is 4. No: the answer is 6.", "6", "answer_is"),
    (r"Hence $x = 4$ follows from $y = 5$.", "y = 5", "last_math"),
    (r"so \[ x < 2 \] holds", "x < 2", "last_math"),
    ("She paid $5 and got $7 back.", "7", "last_number"),
    ("He has 1,234 books, not 7", "7", "last_number"),
    ("it grows by 12.5%", "12.5%", "last_number"),
    ("the change is -3", "-3", "last_number"),
    (r"\frac{10}{9}", r"\frac{10}{9}", "last_math"),
    (r"half is \boxed{200}. Final Answer: The final answer is $455$. I hope", "455", ""),
    (r"The final answer is \boxed{7}. That was easy.", "7", "boxed"),
]


@pytest.mark.parametrize(("text", "answer", "rule"), CASES)
def test_answer_and_rule_are_found(text: str, answer: str, rule: str) -> None:
    found = extract(text)
    assert found is not None
    assert found.answer == answer
    assert found.rule == (rule or "final_answer")


@pytest.mark.parametrize("text", ["", "no idea", r"\boxed{}", r"\boxed{12", "answer:", "{}{}"])
def test_nothing_is_found_where_nothing_is_stated(text: str) -> None:
    assert boxed_answer(text) is None
    assert extract_answer(text) in (None, "12")  # a cut-off box leaves its number as a last resort


balanced = st.recursive(
    st.text(alphabet="ab1+ =^_", max_size=6),
    lambda inner: st.lists(inner | inner.map(lambda s: "{" + s + "}"), max_size=3).map("".join),
    max_leaves=12,
)


@given(before=balanced, content=balanced, after=balanced)
def test_box_in_balanced_text_gives_its_content(before: str, content: str, after: str) -> None:
    found = boxed_answer(before + r"\boxed{" + content + "}" + after)
    # the box drops outer blanks and emphasis marks
    assert (found or "") == content.strip().strip("*_").strip()


@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    found = extract(text)
    assert found is None or found.answer


HOSTILE = {
    "100 kB in a box": r"\boxed{" + "9" * 100_000 + "}",
    "10,000 nested braces": r"\boxed{" + "{" * 10_000 + "5" + "}" * 10_000 + "}",
    "10,000 nested boxes": r"\boxed{" * 10_000 + "5" + "}" * 10_000,
    "boxes that never close": r"\boxed{" * 15_000,
    "math that never closes": r"\(" * 50_000,
    "closing braces only": "}" * 100_000,
    "blanks": "final answer is" + " " * 100_000,
    "many phrases": "the answer is " * 8_000,
    "many full stops": "answer: " + ". " * 50_000,
    "dollar signs": "$1 aa" * 20_000,
    "commas": "1" + ",111" * 25_000,
    "joiners": r"\boxed{1}" + ", and" * 20_000 + r"\boxed{2}",
    "many boxes": r"\boxed{1}, " * 9_000,
    "hashes": "#" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_costs_linear_time(name: str) -> None:
    started = time.process_time()
    extract(HOSTILE[name])
    assert time.process_time() - started < 0.5


def test_nested_boxes_are_opened_to_the_innermost() -> None:
    assert boxed_answer(HOSTILE["10,000 nested boxes"]) == "5"
