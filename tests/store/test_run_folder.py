import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prmkit.config import Recipe, recipe_digest
from prmkit.errors import RunError
from prmkit.records import Rejected
from prmkit.store import RunFolder, read_manifest, write_json, write_records

HOLDER = """
import sys, time
from pathlib import Path
from prmkit.config import load_recipe
from prmkit.store import RunFolder

run = RunFolder.open(Path(sys.argv[1]), load_recipe(sys.argv[2]))
print("open", flush=True)
time.sleep(60)
"""


def recipe(**changed: Any) -> Recipe:
    settings: dict[str, Any] = {
        "name": "toy",
        "seed": 3,
        "problems": {"n_train": 4, "n_validation": 2, "n_process": 2, "n_best_of_n": 2},
        "policies": {"small": {"model": "synthetic:small"}},
        "rollouts": {"k": 8},
        "judge": {"model": "synthetic:judge"},
        "training": {"base": "synthetic:small"},
        "arms": [{"name": "mc", "labels": "mc"}],
    }
    return Recipe.model_validate(settings | changed)


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_new_run_says_what_it_is_and_where_it_runs(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "deep" / "run", recipe()) as run:
        manifest = read_manifest(run.path)
        assert manifest == run.manifest
    assert Recipe.model_validate(manifest.recipe) == recipe()
    assert (manifest.recipe_digest, manifest.seed) == (recipe_digest(recipe()), 3)
    (here,) = manifest.environments
    assert here.python.startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert "pyarrow" in here.libraries
    assert (here.commit is None) == (here.dirty is None)
    assert manifest.stages == {}


def test_a_resumed_run_knows_its_finished_stages_and_rows(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, recipe()) as run:
        run.journal.add_row("mc", "p/0", Rejected(row="p/0", reason="x"))
        write_records(run.stage_path("sample"), [], Rejected)
        run.finish("sample", {"n_in": 4, "n_unscored": 1})
        run.finish("train", {"n_rows": 3})  # leaves no table
    with RunFolder.open(tmp_path, recipe()) as run:
        assert (run.is_done("sample"), run.is_done("train"), run.is_done("mc")) == (
            True,
            True,
            False,
        )
        assert run.manifest.stages["sample"].counts == {"n_in": 4, "n_unscored": 1}
        assert list(run.journal.rows("mc")) == ["p/0"]
        assert len(run.manifest.environments) == 1
        run.stage_path("sample").unlink()
        assert not run.is_done("sample")  # done again, from the journal


def test_another_recipe_is_refused_by_naming_the_keys(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, recipe()).close()
    before = (tmp_path / "manifest.json").read_bytes()
    other = recipe(rollouts={"k": 16}, arms=[{"name": "soft", "labels": "mc"}])
    with pytest.raises(RunError) as caught:
        RunFolder.open(tmp_path, other)
    assert str(caught.value) == (
        f"{tmp_path}: the run has another recipe (its -> yours): "
        'arms.0.name: "mc" -> "soft"; rollouts.k: 8 -> 16'
    )
    assert (tmp_path / "manifest.json").read_bytes() == before
    RunFolder.open(tmp_path, recipe()).close()  # the refusal holds no lock


def test_a_key_that_came_later_counts_as_its_default(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, recipe()).close()
    edit(tmp_path / "manifest.json", lambda m: m["recipe"]["rollouts"].pop("redraws"))
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(RunError, match=r"yours\): rollouts\.redraws: 1 -> 3$"):
        RunFolder.open(tmp_path, recipe(rollouts={"k": 8, "redraws": 3}))
    assert (tmp_path / "manifest.json").read_bytes() == before
    RunFolder.open(tmp_path, recipe()).close()
    assert read_manifest(tmp_path).recipe["rollouts"]["redraws"] == 1  # as if it had been there


def test_a_key_that_is_gone_or_has_no_default_is_still_a_difference(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, recipe()).close()
    edit(tmp_path / "manifest.json", lambda m: m["recipe"]["rollouts"].update(old=1))
    with pytest.raises(RunError, match=r"rollouts\.old: 1 -> \(absent\)"):
        RunFolder.open(tmp_path, recipe())
    edit(tmp_path / "manifest.json", lambda m: m["recipe"]["rollouts"].pop("old"))
    edit(tmp_path / "manifest.json", lambda m: m["recipe"].pop("name"))
    with pytest.raises(RunError, match=r'name: \(absent\) -> "toy"'):
        RunFolder.open(tmp_path, recipe())


def served(url: str, **settings: Any) -> dict[str, Any]:
    return {"p": {"model": "m", "base_url": [url], **settings}}


def test_servers_may_move_while_a_run_goes_on(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, recipe(policies=served("http://a:1/v1"))).close()
    moved = recipe(policies=served("http://b:2/v1", max_in_flight=8, timeout_s=9.0))
    RunFolder.open(tmp_path, moved).close()
    now = read_manifest(tmp_path)
    assert now.recipe["policies"]["p"]["base_url"] == ["http://b:2/v1"]
    assert now.recipe_digest == recipe_digest(moved)
    with pytest.raises(RunError, match=r"policies\.p\.base_url: "):  # another engine is another run
        RunFolder.open(tmp_path, recipe(policies={"p": {"model": "m"}}))


def test_many_differing_keys_are_counted(tmp_path: Path) -> None:
    RunFolder.open(tmp_path, recipe()).close()
    policies = {f"p{i}": {"model": "m"} for i in range(9)}
    with pytest.raises(RunError, match=r"; and \d+ more$"):
        RunFolder.open(tmp_path, recipe(policies=policies))


def test_a_folder_with_other_things_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(RunError, match=r"not empty and not a run folder: it holds thesis\.tex"):
        RunFolder.open(tmp_path, recipe())
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(RunError, match=r"thesis\.tex: not a folder"):
        RunFolder.open(tmp_path / "thesis.tex", recipe())
    with pytest.raises(RunError, match="cannot be made: Not a directory"):
        RunFolder.open(tmp_path / "thesis.tex" / "run", recipe())
    with pytest.raises(RunError, match=r"it has no manifest\.json"):
        read_manifest(tmp_path)


def test_a_start_that_was_killed_before_its_manifest_is_started_again(tmp_path: Path) -> None:
    (tmp_path / "run.lock").write_text("123")
    (tmp_path / ".prmkit-0123456789abcdef.tmp").write_text('{"half')
    RunFolder.open(tmp_path, recipe()).close()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "journal.sqlite",
        "journal.sqlite.lock",
        "manifest.json",
        "run.lock",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"manifest\.json: not JSON, line 1, column 2"),
        ("[]", r"manifest\.json: "),
        ('{"format": 2}', r"manifest\.json: format: found 2; allowed: 1"),
    ],
)
def test_a_damaged_manifest_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(RunError, match=message):
        RunFolder.open(tmp_path, recipe())


def test_a_resume_elsewhere_is_noted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    RunFolder.open(tmp_path, recipe()).close()
    edit(tmp_path / "manifest.json", lambda m: m["environments"][0].update(python="3.0.0"))
    with caplog.at_level(logging.WARNING):
        RunFolder.open(tmp_path, recipe()).close()
    assert "resumed with other code or libraries" in caplog.text
    was, now = read_manifest(tmp_path).environments
    assert (was.python, now.python != "3.0.0") == ("3.0.0", True)


def test_a_second_process_is_refused_until_the_first_dies(tmp_path: Path) -> None:
    path, settings = tmp_path / "run", tmp_path / "recipe.yaml"
    write_json(settings, recipe().model_dump(mode="json"))  # JSON is YAML
    command = [sys.executable, "-c", HOLDER, str(path), str(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(RunError, match=f"run: in use by process {holder.pid}"):
            RunFolder.open(path, recipe())
        holder.kill()
    RunFolder.open(path, recipe()).close()


def test_seconds_add_up_over_resumes_and_starts_are_counted(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, recipe()) as run:
        assert run.seconds() == {}
        with run.timed("mc") as lap:
            lap()
    edit(tmp_path / "timing.json", lambda t: t["mc"].update(seconds=100.0))
    with RunFolder.open(tmp_path, recipe()) as run, pytest.raises(KeyError), run.timed("mc"):
        raise KeyError
    timing = json.loads((tmp_path / "timing.json").read_text())
    assert timing["mc"]["starts"] == 2
    assert 100.0 <= timing["mc"]["seconds"] < 101.0


@pytest.mark.parametrize("content", ["{", "[]", '{"mc": 3}', '{"mc": {"seconds": "x"}}'])
def test_damaged_times_are_an_error(tmp_path: Path, content: str) -> None:
    with RunFolder.open(tmp_path, recipe()) as run:
        (tmp_path / "timing.json").write_text(content)
        with pytest.raises(RunError, match=r"timing\.json: damaged; delete it"):
            run.seconds()


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden"])
def test_a_stage_name_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    with (
        RunFolder.open(tmp_path, recipe()) as run,
        pytest.raises(ValueError, match="allowed: letters"),
    ):
        run.stage_path(name)


def test_what_a_finished_run_found_stands_in_its_manifest(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run", recipe()) as run:
        assert read_manifest(run.path).findings == ()
        run.conclude(["labels are wrong", "nothing is resolved"])
    assert read_manifest(tmp_path / "run").findings == ("labels are wrong", "nothing is resolved")
