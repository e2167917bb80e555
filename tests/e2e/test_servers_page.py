"""The recipe of docs/servers.md, as it stands there, over two stub servers."""

import json
import random
import re
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from stub_servers import VllmLike, serving
from tiny_models import tiny_tokenizer

from prmkit.cli.main import main
from prmkit.records import Dropped, LabelledSolution, Problem
from prmkit.store import read_records, write_records

PAGE = Path(__file__).parents[2] / "docs" / "servers.md"
N = 6


class Solver(VllmLike):
    """Answers 4 in three draws of four, each in its own words; judges that all is right."""

    def complete(self, body: Any) -> Any:
        given = super().complete(body)
        text = self.tokenizer.decode(body["prompt"]) if isinstance(body["prompt"], list) else ""
        for choice in given.body.get("choices", ()) if body["max_tokens"] > 16 else ():
            chance = random.Random(f"{text} {body['seed']}")
            word, answer = chance.randrange(10**6), 4 if chance.random() < 0.75 else 5
            solved = f"We note {word}.\n\nThe answer is \\boxed{{{answer}}}."
            choice["text"] = "\\boxed{-1}" if "paragraph_0" in text else solved
            choice["finish_reason"] = "stop"
        return given


def recipe_of_the_page() -> str:
    found = re.search(r"Save it as `label.yaml`:\n\n((?:    .*\n|\n)+)", PAGE.read_text())
    assert found
    return dedent(found[1])


@pytest.mark.slow
def test_the_recipe_of_the_page_gives_a_labelled_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path / "tokenizer")
    for name in ("gsm8k-train", "math-train"):
        rows = [
            Problem(problem_id=f"{name}/{i}", question=f"{name}: 4+{i}-{i}?", answer="4")
            for i in range(N)
        ]
        (tmp_path / "data" / name).mkdir(parents=True)
        write_records(tmp_path / "data" / name / "problems.parquet", rows, Problem)
    Path("label.yaml").write_text(recipe_of_the_page())

    def prm(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["prm", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert not ended.value.code, said.err
        return said.out

    handler = Solver(tiny_tokenizer(), context=100_000)
    with serving(handler) as one, serving(handler) as two:
        urls = json.dumps([one.base_url, two.base_url])
        sets = [
            f"{model}.{key}={value}"
            for model in ("policies.qwen7b", "judge")
            for key, value in (("base_url", urls), ("model", "tiny"), ("tokenizer", "tokenizer"))
        ]
        words = ["run", "label.yaml", *(w for s in sets for w in ("--set", s))]
        assert "rollouts qwen7b" in prm(*words, "--dry-run")
        assert "Measured on 3 problems" in prm(
            *words, "--dry-run", "--measure", "3", "--out", "runs/first"
        )
        shown = prm(*words, "--out", "runs/first")
    assert "Estimated, and what it was" in shown
    again = prm(*words, "--out", "runs/first")  # the servers are gone, and nothing is left to ask
    assert again.split("Cost")[0] == shown.split("Cost")[0]
    kept = read_records(tmp_path / "runs/first/consensus.parquet", LabelledSolution)
    dropped = read_records(tmp_path / "runs/first/dropped.parquet", Dropped)
    assert len(kept) + len(dropped) == 2 * N * 4  # folders, problems, samples
    assert all(row.labels == (1.0, 1.0) for row in kept)
    assert kept
    cost = json.loads((tmp_path / "runs/first/cost.json").read_text())
    measured = {(s["stage"], s["model"]): s["estimated"]["n_calls"] for s in cost["stages"]}
    assert measured.keys() == {("solutions", "qwen7b"), ("rollouts", "qwen7b"), ("judge", "tiny")}
    assert "written" in prm(
        *("export", "trl", "runs/first/consensus.parquet", "--out", "first-labels.jsonl")
    )
