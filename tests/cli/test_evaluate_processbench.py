import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from run_prm import Prm
from shared_data import shared
from stub_servers import Reply, VllmLike, refuse, serving
from tiny_models import tiny_tokenizer


def case(name: str, label: int, n_steps: int = 4, *, right: bool | None = None) -> dict[str, Any]:
    return {
        "id": name,
        "generator": "m",
        "problem": f"{name}?",
        "steps": ["s"] * n_steps,
        "final_answer_correct": label == -1 if right is None else right,
        "label": label,
    }


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# With the official code (QwenLM/ProcessBench, code/run_eval.py at e802463) on these rows:
# gsm8k error acc: 50.0, correct acc: 66.7, f1: 57.1
# math error acc: 66.7, correct acc: 50.0, f1: 57.1
LABELS = {"gsm8k": [0, 1, -1, -1, -1], "math": [2, 3, 1, -1, -1]}
SAID: dict[str, list[int | None]] = {"gsm8k": [0, None, -1, None, -1], "math": [2, 3, -1, 0, -1]}
CASES = [case(f"{s}-{i}", label) for s, rows in LABELS.items() for i, label in enumerate(rows)]
PREDICTIONS = [
    {"id": f"{s}-{i}", "prediction": said}
    for s, rows in SAID.items()
    for i, said in enumerate(rows)
]


def test_the_official_figures_are_reproduced_unrounded(prm: Prm, tmp_path: Path) -> None:
    data, said = write(tmp_path / "d.jsonl", *CASES), write(tmp_path / "p.jsonl", *PREDICTIONS)
    done = prm("evaluate", "processbench", "--data", data, "--predictions", said, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    gsm8k, math = found["subsets"]["gsm8k"], found["subsets"]["math"]
    assert (gsm8k["n_error"], gsm8k["n_correct"]) == (2, 3)
    assert gsm8k["error_accuracy"] == pytest.approx(50.0, abs=1e-9)
    assert gsm8k["correct_accuracy"] == pytest.approx(200 / 3, abs=1e-9)
    assert gsm8k["f1"] == pytest.approx(400 / 7, abs=1e-9)
    assert math["error_accuracy"] == pytest.approx(200 / 3, abs=1e-9)
    assert math["f1"] == pytest.approx(400 / 7, abs=1e-9)
    assert found["average_f1"] == pytest.approx(400 / 7, abs=1e-9)
    assert found["partial"] is None
    assert found["n_unreadable"] == 2


def test_scores_decide_at_the_threshold_and_files_may_follow_the_data_option(
    prm: Prm, tmp_path: Path
) -> None:
    first, second = write(tmp_path / "a.jsonl", *CASES[:5]), write(tmp_path / "b.jsonl", *CASES[5:])
    rows = [
        {"id": c["id"], "scores": [0.3 if i == c["label"] else 0.5 for i in range(4)]}
        for c in CASES
    ]
    said = write(tmp_path / "s.jsonl", *rows)
    done = prm("evaluate", "processbench", "--data", first, second, "--scores", said, "--json")
    found = json.loads(done.out)
    assert found["average_f1"] == 100.0  # 0.5 is not below 0.5
    assert found["threshold"]["value"] == 0.5
    done = prm(
        *("evaluate", "processbench", "--data", first, second),
        *("--scores", said, "--threshold", "0.6", "--json"),
    )
    assert json.loads(done.out)["subsets"]["gsm8k"]["correct_accuracy"] == 0.0


def test_whatever_does_not_fit_is_counted_named_and_refused(prm: Prm, tmp_path: Path) -> None:
    data = write(tmp_path / "d.jsonl", *CASES, case("math-9", 7))
    said = write(
        tmp_path / "p.jsonl",
        *PREDICTIONS[1:7],
        PREDICTIONS[1],
        {"id": "math-2", "scores": [0.1, 0.2]},
        {"id": "math-3", "prediction": "4"},
        {"id": "math-4", "scores": [0.1, float("nan"), 0.1, 0.1]},
        {"id": "other-1", "prediction": 0},
        {"id": "math-8", "prediction": True},
    )
    done = prm("evaluate", "processbench", "--data", data, "--predictions", said)
    assert done.code == 1
    assert done.err.count("\n") == 1
    for words in (
        "3 cases without a row (gsm8k-0, math-3, math-4)",
        "1 ids that the data do not have (other-1)",
        "1 unusable rows, as their id came before (gsm8k-1 in ",
        "1 rows with the wrong number of scores (math-2: 2 scores for 4 steps)",
        "prediction: found '4'; allowed: an index from 0",
        "label: found 7; allowed: a whole number from -1 to 3",
        "scores.1: found nan; allowed: a list of finite numbers",
        "prediction: found True; allowed: an index from 0, -1 for no error, null for unreadable",
        "--partial",
    ):
        assert words in done.err, words


def test_a_place_that_the_solution_does_not_have_is_wrong_as_officially_and_counted(
    prm: Prm, tmp_path: Path
) -> None:
    data = write(tmp_path / "d.jsonl", *CASES)
    elsewhere: dict[Any, Any] = {
        "gsm8k-1": 4,
        "gsm8k-3": -2,
    }  # 4 steps each; unreadable in the rows above
    rows = [{**p, "prediction": elsewhere.get(p["id"], p["prediction"])} for p in PREDICTIONS]
    said = write(tmp_path / "p.jsonl", *rows)
    done = prm("evaluate", "processbench", "--data", data, "--predictions", said, "--json")
    found = json.loads(done.out)["subsets"]["gsm8k"]
    assert found["error_accuracy"] == 50.0
    assert found["correct_accuracy"] == pytest.approx(200 / 3)
    shown = prm("evaluate", "processbench", "--data", data, "--predictions", said)
    assert "no such step: 2" in shown.out + shown.err


def test_a_partial_evaluation_is_marked_in_every_table(prm: Prm, tmp_path: Path) -> None:
    data, said = write(tmp_path / "d.jsonl", *CASES), write(tmp_path / "p.jsonl", *PREDICTIONS[1:])
    arguments = ("evaluate", "processbench", "--data", data, "--predictions", said, "--partial")
    shown = prm(*arguments).out
    assert shown.count("PARTIAL: 9 of 10 cases") == shown.count("┏") + 1  # tables, and a note
    found = json.loads(prm(*arguments, "--json").out)
    assert found["partial"]["n_used"] == 9
    assert found["partial"]["faults"] == {"cases without a row": ["gsm8k-0"]}
    assert found["subsets"]["gsm8k"]["error_accuracy"] == 0.0


def test_a_subset_of_one_kind_is_an_error_and_never_0(prm: Prm, tmp_path: Path) -> None:
    data = write(tmp_path / "d.jsonl", *CASES[:5], case("math-0", -1))
    said = write(tmp_path / "p.jsonl", *PREDICTIONS[:5], {"id": "math-0", "prediction": -1})
    arguments = ("evaluate", "processbench", "--data", data, "--predictions", said)
    done = prm(*arguments)
    assert done.code == 1
    assert "subset 'math': no scored case with an error: F1 is 0/0 there" in done.err
    found = json.loads(prm(*arguments, "--partial", "--json").out)
    assert list(found["subsets"]) == ["gsm8k"]
    assert found["partial"]["faults"]["subsets without an F1"] == [
        "math: no scored case with an error"
    ]


def test_right_answers_with_a_wrong_process_stand_apart(prm: Prm, tmp_path: Path) -> None:
    data = write(tmp_path / "d.jsonl", *CASES, case("math-5", 1, right=True))
    said = write(tmp_path / "p.jsonl", *PREDICTIONS, {"id": "math-5", "prediction": 1})
    arguments = ("evaluate", "processbench", "--data", data, "--predictions", said)
    slice_ = json.loads(prm(*arguments, "--json").out)["right_answer_wrong_process"]
    assert slice_["pooled"]["value"] == 100.0
    assert slice_["pooled"]["n"] == 1
    # 1 of 1, Wilson: 1 / (1 + z^2), not the 100 to 100 of a bootstrap
    assert slice_["pooled"]["low"] == pytest.approx(100 / (1 + 1.959964**2), abs=1e-4)


def test_systems_are_compared_in_pairs_and_nothing_is_ranked_unresolved(
    prm: Prm, tmp_path: Path
) -> None:
    data, said = write(tmp_path / "d.jsonl", *CASES), write(tmp_path / "p.jsonl", *PREDICTIONS)
    other = [{**row, "prediction": 0 if row["id"] == "math-4" else row["prediction"]}
             for row in PREDICTIONS]  # fmt: skip
    done = prm(
        *("evaluate", "processbench", "--data", data, "--predictions", f"a={said}"),
        *("--predictions", f"b={write(tmp_path / 'q.jsonl', *other)}"),
    )
    words = " ".join(done.out.split())
    assert "a and b are not told apart" in words
    assert "right in 1 cases where the other is wrong, the reverse in 0, McNemar p = 1" in words
    twice = prm("evaluate", "processbench", "--data", data, "--scores", said, "--scores", said)
    assert twice.code == 1
    assert "two systems are called 'p'" in twice.err


def test_a_threshold_is_chosen_on_named_cases_only(prm: Prm, tmp_path: Path) -> None:
    def scores(low: float) -> list[dict[str, Any]]:
        return [
            {"id": c["id"], "scores": [low if i == c["label"] else 3.0 for i in range(4)]}
            for c in CASES
        ]

    data, said = write(tmp_path / "d.jsonl", *CASES), write(tmp_path / "s.jsonl", *scores(2.0))
    arguments = ("evaluate", "processbench", "--data", data, "--scores", said, "--json")
    assert json.loads(prm(*arguments).out)["subsets"]["math"]["f1"] == 0.0  # nothing below 0.5
    found = json.loads(prm(*arguments, "--choose-on", "gsm8k").out)
    assert found["threshold"]["value"] == 2.5
    assert found["threshold"]["chosen_on"] == "subset gsm8k of the same data"
    assert found["threshold"]["average_f1_of_other_subsets"]["value"] == 100.0
    unseen = [{**c, "id": f"v{c['id']}", "problem": f"other {c['id']}?"} for c in CASES]
    others = write(tmp_path / "v.jsonl", *unseen)
    of_others = [{**row, "id": f"v{row['id']}"} for row in scores(1.0)]
    chosen = write(tmp_path / "vs.jsonl", *of_others)
    done = prm(*arguments, "--validation", others, "--validation-scores", chosen)
    assert json.loads(done.out)["threshold"]["value"] == 2.0  # so that 2.0 is not below it
    assert json.loads(done.out)["upper_bound_own_threshold"]["math"]["f1"] == 100.0
    renamed = write(
        tmp_path / "r.jsonl", *unseen[:7], *[{**c, "id": f"v{c['id']}"} for c in CASES[7:]]
    )
    done = prm(*arguments, "--validation", renamed, "--validation-scores", chosen)
    assert done.code == 1
    assert (
        "3 of 10 cases are among those that are evaluated (vmath-2, vmath-3, vmath-4)" in done.err
    )
    assert prm(*arguments, "--choose-on", "x").code == 1
    assert "allowed: a finite number" in prm(*arguments, "--threshold", "nan").err
    assert prm(*arguments, "--validation", others).code == 1


def test_the_benchmark_itself_is_read(prm: Prm, tmp_path: Path) -> None:
    folder = shared("processbench")
    rows = [row for file in sorted(folder.glob("*.json")) for row in json.loads(file.read_text())]
    said = write(tmp_path / "p.jsonl", *({"id": r["id"], "prediction": r["label"]} for r in rows))
    done = prm("evaluate", "processbench", "--data", folder, "--predictions", said, "--json")
    found = json.loads(done.out)
    sizes = {name: (s["n_error"], s["n_correct"]) for name, s in found["subsets"].items()}
    assert sizes == {
        "gsm8k": (207, 193),
        "math": (594, 406),
        "olympiadbench": (661, 339),
        "omnimath": (759, 241),
    }
    assert found["average_f1"] == 100.0
    slices = found["right_answer_wrong_process"]["subsets"]
    assert {name: s["n"] for name, s in slices.items()} == {
        "gsm8k": 7,
        "math": 94,
        "olympiadbench": 161,
        "omnimath": 259,
    }


class Critic(VllmLike):
    """A server whose votes depend on the case that is asked about, and for one case on the seed."""

    said: Mapping[str, str] = {
        "gsm8k-0": "\\boxed{0}",
        "gsm8k-1": "I cannot tell.",
        "math-0": "\\boxed{2}",
        "math-1": "\\boxed{9}",  # no such paragraph
    }

    def reply(self, body: Any, ids: list[int], field: Callable[[str], Any]) -> Reply:
        prompt = self.tokenizer.decode(ids)
        named = next((name for name in self.said if f"{name}?" in prompt), "")
        text = self.said.get(named, "\\boxed{-1}")
        if "math-2?" in prompt:
            text = "\\boxed{1}" if body["seed"] % 2 else "\\boxed{-1}"
        if "math-3?" in prompt:
            return refuse("out of memory")
        varied = f"Draw {body['seed']}: {text}"  # a server whose draws are all one is refused
        choice = field(varied) | {"index": 0, "finish_reason": "stop"}
        usage = {"prompt_tokens": len(ids), "completion_tokens": 7}
        return Reply({"model": self.model, "choices": [choice], "usage": usage})


def test_a_critic_on_a_server_is_asked_and_its_outputs_kept_evaluate_the_same(
    prm: Prm, tmp_path: Path
) -> None:
    data, kept = write(tmp_path / "d.jsonl", *CASES[:8], CASES[9]), tmp_path / "kept.jsonl"
    evaluate = ("evaluate", "processbench", "--data", data, "--resamples", 100, "--json")
    with serving(Critic(tiny_tokenizer(), context=4096)) as stub:
        asked = ("--critic", "tiny", "--base-url", stub.base_url, "--max-new-tokens", 99)
        done = prm(*evaluate, *asked, "--save", kept)
        voted = prm(*evaluate, *asked, "--votes", 3)
        bodies = [b for b in stub.completions() if b.get("max_tokens") == 99]
    assert done.code == 0, done.err
    found = json.loads(done.out)
    # errors of gsm8k: 0 placed, 1 unreadable and so wrong; those without error are all cleared
    assert found["subsets"]["gsm8k"]["error_accuracy"] == 50.0
    assert found["subsets"]["gsm8k"]["correct_accuracy"] == 100.0
    assert found["unreadable"] == {"no_verdict": 1, "out_of_range": 1}
    assert found["system"] == "tiny (greedy)"
    stored = json.loads(prm(*evaluate, "--predictions", kept).out)
    assert stored["subsets"] == found["subsets"]
    assert voted.code == 0, voted.err
    assert json.loads(voted.out)["system"] == "tiny (majority of 3)"
    of_votes = [b for b in bodies if b["temperature"] == 1.0]
    assert len(of_votes) == 3 * 9
    assert {b["top_p"] for b in of_votes} == {0.9}
    assert {b["temperature"] for b in bodies} == {0.0, 1.0}


def test_a_case_that_a_server_fails_on_is_no_wrong_prediction(prm: Prm, tmp_path: Path) -> None:
    data = write(tmp_path / "d.jsonl", *CASES)
    evaluate = ("evaluate", "processbench", "--data", data, "--resamples", 100)
    with serving(Critic(tiny_tokenizer(), context=4096)) as stub:
        asked = ("--critic", "tiny", "--base-url", stub.base_url, "--max-new-tokens", 99)
        refused = prm(*evaluate, *asked)
        partial = prm(*evaluate, *asked, "--partial")
    assert refused.code == 1
    assert "math-3" in refused.err
    assert "out of memory" in refused.err
    assert partial.code == 0, partial.err
    assert "PARTIAL: 9 of 10 cases" in partial.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--critic", "tiny", "--base-url", "http://127.0.0.1:9"),
            "no server at http://127.0.0.1:9",
        ),
        (("--critic", "/none"), "model '/none': no such directory"),
        (("--critic", "tiny", "--tokenizer", "x"), "--critic: tokenizer needs base_url"),
        (("--critic", "tiny", "--base-url", "nowhere"), "--critic: base_url"),
        (("--critic", "synthetic:judge", "--prompt", "none"), "none"),
        (("--prm", "/none"), "/none/config.json"),
    ],
)
def test_a_live_system_that_is_not_there_is_one_line(
    prm: Prm, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = prm("evaluate", "processbench", "--data", write(tmp_path / "d.jsonl", *CASES), *words)
    assert done.code == 1
    (line,) = [x for x in done.err.splitlines() if x.startswith("error: ")]
    assert said in line
    assert "Traceback" not in done.err
