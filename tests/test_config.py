import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prmkit.config import (
    Recipe,
    dump_recipe,
    load_recipe,
    recipe_differences,
    recipe_digest,
)
from prmkit.errors import ConfigError
from prmkit.strict_yaml import read_value, write_value

RECIPE = """\
name: toy
problems: {n_train: 4, n_validation: 2, n_process: 2, n_best_of_n: 2}
policies:
  small: {model: "synthetic:small"}
rollouts: {k: 8}
judge: {model: "synthetic:judge"}
training: &shared
  base: "synthetic:small"
  learning_rate: 1e-4
arms:
  - {name: mc, labels: mc}
  - name: soft
    labels: mc_soft
    training: {<<: *shared, loss: mse}
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(RECIPE)
    return path


def refusal(path: Path, *overrides: str) -> str:
    """The one-line message, without the folder."""
    with pytest.raises(ConfigError) as caught:
        load_recipe(path, overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(path), "toy.yaml")


def test_a_recipe_loads_with_defaults_merges_and_short_floats(toy: Path) -> None:
    recipe = load_recipe(toy)
    assert recipe.rollouts.k == 8
    assert recipe.training.learning_rate == 0.0001
    soft = recipe.arms[1].training
    assert soft is not None
    assert (soft.base, soft.loss, soft.learning_rate) == ("synthetic:small", "mse", 0.0001)


def test_overrides_reach_keys_lists_absent_and_null_sections(toy: Path) -> None:
    overrides = [
        "rollouts.k=2",
        "rollouts.k = 4",  # the later one wins
        "arms.0.training.base=other",  # the arm had no training of its own
        "evaluation.best_of=3",  # the file has no evaluation section
        "policies.small.sampling={temperature: 0}",
    ]
    recipe = load_recipe(toy, overrides)
    assert recipe.rollouts.k == 4
    assert recipe.arms[0].training is not None
    assert recipe.arms[0].training.base == "other"
    assert recipe.evaluation.best_of == 3
    assert recipe.policies["small"].sampling.temperature == 0.0


def test_an_override_does_not_leak_through_an_alias(toy: Path) -> None:
    toy.write_text(RECIPE.replace("{<<: *shared, loss: mse}", "*shared"))
    recipe = load_recipe(toy, ["training.base=other"])
    assert recipe.training.base == "other"
    assert recipe.arms[1].training is not None
    assert recipe.arms[1].training.base == "synthetic:small"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "rollouts.kk=4",
            "rollouts.kk (from --set): found an unknown key; nearest known: rollouts.k",
        ),
        ("rolouts.k=4", "rolouts (from --set): found an unknown key; nearest known: rollouts"),
        ("votes=3", "votes (from --set): found an unknown key; nearest known: judge.votes"),
        (
            "policies.small.smaples=1",
            "policies.small.smaples (from --set): found an unknown key; "
            "nearest known: policies.small.samples",
        ),
        (
            "zzzz=1",
            "zzzz (from --set): found an unknown key; allowed: name, seed, threads, problems, "
            "policies, rollouts, judge, training, arms, evaluation",
        ),
        ("rollouts.k=0", "rollouts.k (from --set): found 0; allowed: a whole number, at least 1"),
        (
            "rollouts.k=2.5",
            "rollouts.k (from --set): found 2.5; allowed: a whole number, at least 1",
        ),
        (
            "rollouts.k='8'",
            "rollouts.k (from --set): found '8'; allowed: a whole number, at least 1",
        ),
        (
            "rollouts.k=true",
            "rollouts.k (from --set): found true; allowed: a whole number, at least 1",
        ),
        (
            "threads=0",
            "threads (from --set): found 0; allowed: a whole number, at least 1, or null",
        ),
        ("rollouts.threshold=8", "rollouts (from --set): threshold 8 must be below k = 8"),
        (
            "judge.max_failed=2",
            "judge.max_failed (from --set): found 2; allowed: a number, at least 0 and at most 1",
        ),
        (
            "evaluation.decision=1",
            "evaluation.decision (from --set): found 1; allowed: a number, above 0 and below 1",
        ),
        (
            "training.learning_rate=.inf",
            "training.learning_rate (from --set): found '.inf'; allowed: a number, above 0",
        ),
        (
            "training.loss=bce",
            "training.loss (from --set): found 'bce'; allowed: one of cross_entropy, mse",
        ),
        (
            "problems.source=gsm8k",
            "problems.source (from --set): found 'gsm8k'; allowed: one of synthetic, imported",
        ),
        (
            "arms.1.name=A b",
            "arms.1.name (from --set): found 'A b'; "
            "allowed: text, not empty, matching ^[a-z0-9_]+$",
        ),
        (
            "rollouts.finished_is_known=yes",
            "rollouts.finished_is_known (from --set): found 'yes'; allowed: true or false",
        ),
        (
            "policies={}",
            "policies (from --set): found {}; "
            "allowed: a mapping of names (a mapping with model, sampling, batch_size, vllm, "
            "base_url, tokenizer, api_key_env, max_in_flight, timeout_s, samples, completer each), "
            "not empty",
        ),
        ("seed.x=1", "seed (from --set): found {'x': 1}; allowed: a whole number, at least 0"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    toy: Path, override: str, message: str
) -> None:
    assert refusal(toy, override) == f"toy.yaml: {message}"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("nothing", "allowed: key=value, the key dotted, e.g. rollouts.k=8"),
        ("=3", "allowed: key=value, the key dotted, e.g. rollouts.k=8"),
        ("a..b=3", "allowed: key=value, the key dotted, e.g. rollouts.k=8"),
        ("arms.2.name=x", "found position '2'; allowed: 0 to 1"),
        ("arms.-1.name=x", "found position '-1'; allowed: 0 to 1"),
        ("name.first=x", "'first' has no place in 'toy', a single value"),
        ("training.learning_rate=1e999", "line 1, column 1: not a usable number"),
        ("judge=[1", "expected ',' or ']', but got '<stream end>'"),
    ],
)
def test_a_malformed_override_is_quoted(toy: Path, override: str, message: str) -> None:
    said = refusal(toy, override)
    assert said.startswith(f"--set {override}")
    assert said.endswith(message)


def test_missing_keys_are_named_and_counted(toy: Path) -> None:
    toy.write_text(RECIPE.replace("n_train: 4, n_validation: 2, ", ""))
    assert refusal(toy) == (
        "toy.yaml: problems.n_train: found nothing; allowed: a whole number, at least 1 "
        "(and 1 more)"
    )


def test_a_misspelt_required_key_is_reported_before_the_missing_one(toy: Path) -> None:
    toy.write_text(RECIPE.replace("n_train", "n_trian"))
    assert refusal(toy) == (
        "toy.yaml: problems.n_trian: found an unknown key; nearest known: problems.n_train "
        "(and 1 more)"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": found an empty file; allowed: a mapping of settings"),
        ("# only a comment\n", ": found an empty file; allowed: a mapping of settings"),
        ("- 1\n", ": found a list; allowed: a mapping of settings"),
        ("a: [1", ", line 1, column 6: while parsing a flow sequence: "
         "expected ',' or ']', but got '<stream end>'"),
        ("a: 1\nb: 2\na: 3\n", ", line 3, column 1: key 'a' stands twice, first in line 1"),
        ("1: a\n", ", line 1, column 1: key '1' is not text; put it in quotes"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_recipe_says_where(toy: Path, text: str, message: str) -> None:
    toy.write_text(text)
    assert refusal(toy) == f"toy.yaml{message}"


def test_a_file_that_cannot_be_read_says_so(toy: Path) -> None:
    assert refusal(toy.parent) == "toy.yaml: cannot be read: Is a directory"
    toy.write_bytes(b"name: \xff")
    assert refusal(toy) == "toy.yaml: byte 6 is not UTF-8"
    toy.unlink()
    assert refusal(toy) == "toy.yaml: no such file"


def test_a_dumped_recipe_loads_back_equal(toy: Path, tmp_path: Path) -> None:
    recipe = load_recipe(toy)
    copy = tmp_path / "copy.yaml"
    copy.write_text(dump_recipe(recipe))
    assert load_recipe(copy) == recipe
    assert recipe_digest(load_recipe(copy)) == recipe_digest(recipe)


def test_the_digest_follows_values_and_nothing_else(toy: Path) -> None:
    digest = recipe_digest(load_recipe(toy))
    assert recipe_digest(load_recipe(toy, ["rollouts.threshold=0"])) == digest  # the default
    assert recipe_digest(load_recipe(toy, ["rollouts.threshold=1"])) != digest


def test_differences_name_keys_with_both_values() -> None:
    before = {"k": 8, "arms": [{"name": "mc"}], "same": {"x": 1}, "flag": 1}
    after = {"k": 16, "arms": [{"name": "mc"}, {"name": "soft"}], "same": {"x": 1}, "flag": True}
    assert recipe_differences(before, after) == [
        'arms.1.name: (absent) -> "soft"',
        "flag: 1 -> true",
        "k: 8 -> 16",
    ]


@given(st.text(), st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_any_name_and_rate_survive_dump_and_load(name: str, rate: float) -> None:
    value = {"name": name, "rate": rate, name: [rate, None, {}]}
    assert read_value(write_value(value), "test") == value


def test_every_setting_has_a_docstring() -> None:
    assert [n for n, f in Recipe.model_fields.items() if not f.description] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("problems.source=imported", "source imported needs train"),
        (
            "problems.best_of_n=[data/math500]",
            "best_of_n names folders: that needs source imported",
        ),
    ],
)
def test_a_source_of_problems_and_its_folders_must_fit(toy: Path, change: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        load_recipe(toy, [change])


def test_a_folder_name_is_a_split_and_occurs_once(toy: Path) -> None:
    changes = ["problems.source=imported", "problems.train=[a/gsm8k, b/gsm8k]"]
    with pytest.raises(ConfigError, match="folder name 'gsm8k' occurs twice"):
        load_recipe(toy, changes)


def test_oracle_labels_need_the_synthetic_world(toy: Path) -> None:
    changes = ["problems.source=imported", "problems.train=[a]", "arms.0.labels=oracle"]
    with pytest.raises(ConfigError, match="oracle exist in the synthetic world alone"):
        load_recipe(toy, changes)


@pytest.mark.parametrize("labels", ["mc_soft", "mc_progress"])
def test_labels_of_shares_need_every_draw(toy: Path, labels: str) -> None:
    said = refusal(toy, f"arms.1.labels={labels}", "rollouts.annotator=sequential")
    assert f"arm soft: {labels} needs rollouts.annotator = exhaustive" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            ["judge.base_url=[http://a:1/v1, http://a:1/v1/]"],
            "judge.base_url (from --set): a server is named twice",
        ),
        (["arms.1.name=mc"], "arms: each needs a name of its own, found mc, mc"),
        (["evaluation.policy=big"], "evaluation.policy 'big': allowed are small"),
        (
            ["policies.small.completer=big"],
            "policies.small.completer 'big': allowed are small",
        ),
        (
            ["rollouts.annotator=verify"],
            "arm mc: labels mc need an annotator that finds first errors; verify only proves",
        ),
        (
            ["judge.base_url=http://a:1/v1", "judge.vllm={}"],
            "base_url and vllm are two places to decode",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(toy: Path, changes: list[str], said: str) -> None:
    assert said in refusal(toy, *changes)
