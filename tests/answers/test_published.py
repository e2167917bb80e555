"""Public test cases of published graders: verdicts are kept, and each difference has a reason.

Each row of published_cases.jsonl has its source, licence, the author's expected verdict (`author`)
and, where they were run on it, those of the PRM800K and the Qwen2.5-Math grader; `ours`; and, where
`ours` differs from one of them, the name of the reason, which docs/answers.md explains.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from prmkit.answers.equivalence import AnswerChecker
from prmkit.answers.extract import extract_answer

CASES = Path(__file__).with_name("published_cases.jsonl")
PAGE = Path(__file__).parents[2] / "docs" / "answers.md"


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in CASES.read_text("utf-8").split("\n") if line]


@pytest.mark.slow
def test_every_published_case_gets_the_recorded_verdict() -> None:
    cases = rows()
    pairs = [
        (extract_answer(c["answer"]) if c["kind"] == "text" else c["answer"], c["reference"])
        for c in cases
    ]
    with AnswerChecker(timeout_s=10.0) as checker:
        checks = checker.check_many(pairs)
    changed = [
        (case["answer"], case["reference"], check.outcome.value)
        for case, check in zip(cases, checks, strict=True)
        if check.outcome.value != case["ours"]
    ]
    assert changed == []


def test_each_difference_from_a_published_grader_has_a_reason_that_is_explained() -> None:
    page = PAGE.read_text("utf-8")
    for case in rows():
        differs = {
            grader
            for grader, equal in case["verdicts"].items()
            if equal != (case["ours"] == "correct")
        }
        assert set(case.get("why", {})) == differs
        for reason in case.get("why", {}).values():
            assert f"| `{reason}` |" in page


def test_every_row_has_its_source_and_licence() -> None:
    assert {(case["source"], case["licence"]) for case in rows()} == {
        ("huggingface/Math-Verify", "Apache-2.0"),
        ("hendrycks/math", "MIT"),
        ("QwenLM/Qwen2.5-Math", "MIT"),
        ("NVIDIA/NeMo-Skills", "Apache-2.0"),
        ("NovaSky-AI/SkyThought", "Apache-2.0"),
    }
