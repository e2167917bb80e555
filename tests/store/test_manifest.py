import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import prmkit

SAY = "from prmkit.store.manifest import environment as e; print(e().commit, e().dirty)"
LOADED = """
import sys
import prmkit.store, prmkit.config
from prmkit.store.manifest import environment
environment()
print([m for m in ("torch", "transformers", "matplotlib", "pandas") if m in sys.modules])
"""


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True)


def said_by_copy(source: Path) -> str:
    """What a copy of the package under `source` says of its commit."""
    command = [sys.executable, "-c", SAY]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(source), "GIT_DIR": "/nowhere"}
    done = subprocess.run(
        command,
        cwd=source,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_commit_and_dirt_are_those_of_the_package_itself(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "weights")
    shutil.copytree(Path(prmkit.__file__).parent, tmp_path / "src" / "prmkit", ignore=ignored)
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("__pycache__\n")
    git(tmp_path, "add", ".gitignore")
    git(tmp_path, "commit", "-qm", "some other project")
    assert said_by_copy(tmp_path / "src") == "None None"  # lies in a checkout that has it not
    git(tmp_path, "add", "src")
    git(tmp_path, "commit", "-qm", "prmkit")
    commit = subprocess.run(
        ["git", "-C", str(tmp_path), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (tmp_path / "notes.txt").write_text("outside the package")
    assert said_by_copy(tmp_path / "src") == f"{commit} False"
    (tmp_path / "src" / "prmkit" / "new.py").write_text("")
    assert said_by_copy(tmp_path / "src") == f"{commit} True"


def test_nothing_heavy_is_loaded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
