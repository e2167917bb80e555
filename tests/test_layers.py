"""Imports point down, and importing the package loads nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import prmkit

ROOT = Path(prmkit.__file__).parent

# A module may import only from layers strictly below its own, or from its own folder.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("closing", "errors", "records", "seeds"),
    ("faults", "strict_yaml", "generators.base"),
    ("config",),
    ("generators", "answers", "steps", "splitting", "store", "intervals"),
    ("datasets",),  # above: reads reference answers with `answers`, and our own tables
    ("sampling", "rollouts", "judging", "scoring"),
    ("consensus", "training", "evaluation"),
    ("analysis",),  # asks of evaluations
    ("synthetic",),
    ("pipeline", "report", "search", "serve"),
    ("study",),  # labels, trains and evaluates with the stages' own functions
    ("cli",),
)
HEAVY = ("torch", "transformers", "matplotlib", "fastapi", "vllm", "ray", "datasets", "sympy")


def layer(module: str) -> int:
    """Layer of a dotted name below prmkit; the longest matching entry decides."""
    matches = [
        (len(name), index)
        for index, names in enumerate(LAYERS)
        for name in names
        if module == name or module.startswith(f"{name}.")
    ]
    assert matches, f"prmkit.{module} is in no layer; add it to LAYERS"
    return max(matches)[1]


def imports(path: Path) -> list[str]:
    """Modules of prmkit that a file imports, wherever in it."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prmkit."):
            found.append((node.module or "").removeprefix("prmkit."))
        elif isinstance(node, ast.Import):
            found += [n.name.removeprefix("prmkit.") for n in node.names if "prmkit." in n.name]
    return found


def test_imports_point_down() -> None:
    wrong: list[str] = []
    for path in sorted(ROOT.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if module == "__init__":
            continue
        for imported in imports(path):
            same_folder = module.split(".")[0] == imported.split(".")[0]
            if not same_folder and layer(imported) >= layer(module):
                wrong.append(f"{module} imports {imported}")
    assert wrong == []


def test_importing_the_package_and_its_core_loads_nothing_heavy() -> None:
    code = (
        "import sys, prmkit, prmkit.config, prmkit.records, prmkit.store, prmkit.consensus, "
        "prmkit.generators.drive, prmkit.rollouts.sequential, prmkit.judging.judge, "
        "prmkit.evaluation.processbench, prmkit.answers.equivalence, prmkit.cli.main\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
