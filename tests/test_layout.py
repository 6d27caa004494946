"""The house: which rooms there are, and which may know of which."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = {"tools": 1, "convert": 1, "runtime": 2, "training": 3, "evaluation": 4, "tui": 5}
APART = {("tools", "convert"), ("convert", "tools")}


def modules():
    for room in FLOORS:
        yield from (ROOT / room).rglob("*.py")


def rooms_imported(path):
    """Rooms that a module imports through relative imports."""
    depth = len(path.relative_to(ROOT).parts) - 1
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level or not (node.module or "").startswith("alpha_umi"), f"{path}: import relatively"
            if node.level == depth + 1:
                names = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
                yield from (name for name in names if name in FLOORS)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    room = path.relative_to(ROOT).parts[0]
    for other in rooms_imported(path):
        assert FLOORS[other] <= FLOORS[room] and (room, other) not in APART, f"{room} must not know of {other}"


def test_the_list_of_packages_is_the_folders_on_disk():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    found = {"alpha_umi"}
    for room in FLOORS:
        for init in (ROOT / room).rglob("__init__.py"):
            found.add(".".join(["alpha_umi", *init.parent.relative_to(ROOT).parts]))
    assert set(settings["packages"]) == found


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, alpha_umi, alpha_umi.cli, alpha_umi.runtime.agent\n"
        "heavy = {'llama_cpp', 'torch', 'textual', 'pint', 'transformers', 'numpy', 'huggingface_hub'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
