"""The command line as a person meets it: a fresh process, its output and its exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOY = Path(__file__).parents[2] / "recipes" / "toy.yaml"


def prm(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prmkit.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--version"], 0, "0.1.0"),
        (["run", "--help"], 0, "prm run recipes/toy.yaml --out runs/toy"),
        (["synthetic", "problems", "--split", "easy", "-n", "1"], 0, "and the answer is \\boxed{"),
        (["nonsense"], 2, "No such command 'nonsense'"),
        (["run"], 2, "Missing argument"),
        (["run", str(TOY)], 2, "give a run folder"),
        (["run", "absent.yaml", "--out", "x"], 1, "error: absent.yaml"),
        (["run", str(TOY), "--out", "x", "--set", "rollouts.k=0"], 1, "rollouts.k"),
        (
            ["run", str(TOY), "--out", "x", "--set", "rollouts.threshold=8"],
            1,
            "must be below k = 8",
        ),
        (["run", str(TOY), "--out", "x", "--set", "rolouts.k=1"], 1, "nearest known: rollouts"),
        (
            ["run", str(TOY), "--out", "x", "--set", "judge.model=/absent"],
            1,
            "'/absent': no such directory",
        ),
        (["synthetic", "problems", "--split", "x"], 1, "allowed are easy, medium, hard, hardest"),
    ],
)
def test_what_it_says_and_its_exit_code(arguments: list[str], code: int, said: str) -> None:
    done = prm(*arguments)
    assert done.returncode == code, done.stderr
    assert said in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr


def test_an_error_is_one_line_on_stderr_and_nothing_on_stdout() -> None:
    done = prm("run", "absent.yaml", "--out", "x")
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


def test_a_model_without_a_chat_template_is_refused_before_anything_is_loaded(
    tmp_path: Path,
) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"not read")
    done = prm("run", str(TOY), "--set", f"training.base={tmp_path}", "--out", "x")
    assert done.returncode == 1
    assert "no chat template" in done.stderr
    assert not Path("x").exists()


def test_ctrl_c_inside_an_exec_exits_with_130_too(tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(
        "import prmkit.cli.main as cli\n"
        "cli.app.command('exec')(lambda: exec('raise KeyboardInterrupt'))\n"
        "cli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "interrupted", "exec"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 130
    assert "run the same command again" in done.stderr


@pytest.mark.parametrize("arguments", [["--version"], ["run", str(TOY), "--out", "x", "--dry-run"]])
def test_a_reader_that_leaves_ends_it_quietly(arguments: list[str], tmp_path: Path) -> None:
    nobody, pipe = os.pipe()
    os.close(nobody)
    command = [sys.executable, "-m", "prmkit.cli.main", *arguments]
    ended = subprocess.run(
        command, stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=120, cwd=tmp_path
    )
    os.close(pipe)
    assert (ended.returncode, ended.stderr) == (141, "")


def run_script(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    (folder / "added.py").write_text(
        "import typer\n"
        "import prmkit.cli.main as cli\n"
        "@cli.app.command('added')\n"
        f"def added():\n    {body}\n"
        "cli.main()\n"
    )
    command = [sys.executable, "-m", "added", "added"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_an_aborted_prompt_is_an_interrupt(tmp_path: Path) -> None:
    done = run_script(tmp_path, "raise typer.Abort")
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_a_bug_keeps_its_traceback(tmp_path: Path) -> None:
    done = run_script(tmp_path, "raise RuntimeError('a bug')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "RuntimeError: a bug" in done.stderr


def test_a_command_that_exits_by_itself_keeps_its_code(tmp_path: Path) -> None:
    assert run_script(tmp_path, "raise SystemExit(7)").returncode == 7


def test_a_process_without_standard_output_works(tmp_path: Path) -> None:
    command = f"{sys.executable} -m prmkit.cli.main --version >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
