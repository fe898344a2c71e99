"""The rules of the house: the machinery knows no problem, data flows one way, serving stays small."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from slipway import contract
from slipway.problem import load_problem

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "slipway"
# A package imports only from those before it.
ORDER = ["validation", "bundle", "training", "evaluation", "tracking", "demo"]
# Names of contract fields that are also ordinary words, so that they may appear in prose.
ORDINARY = {"distance", "origin", "destination"}


def machinery():
    places = [SOURCE, ROOT / "pipeline", ROOT / ".github", ROOT / "deploy"]
    files = [
        path for place in places for path in place.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    return files + [path for path in (ROOT / "Dockerfile", ROOT / "dvc.yaml", ROOT / "Makefile") if path.exists()]


def test_the_machinery_knows_no_column_and_no_name_of_the_problem():
    name = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["slipway"]["problem"]
    problem = load_problem(name)
    words = {name, problem.name, problem.contract.__name__} | {field.name for field in contract.read(problem.contract)}
    pattern = re.compile(rf"\b({'|'.join(sorted(words - ORDINARY))})\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in machinery()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("package", ORDER)
def test_a_package_imports_only_from_those_before_it(package):
    later = {f"slipway.{name}" for name in ORDER[ORDER.index(package) + 1 :]}
    files = [*SOURCE.glob(f"{package}.py"), *(SOURCE / package).rglob("*.py")]
    assert files
    for path in files:
        for module in imports_of(path):
            assert ".".join(module.split(".")[:2]) not in later, f"{path.relative_to(ROOT)} imports {module}"


def test_files_at_the_root_of_the_machinery_import_no_package_but_the_command_line():
    for path in SOURCE.glob("*.py"):
        if path.name in ("cli.py", *(f"{name}.py" for name in ORDER)):
            continue
        for module in imports_of(path):
            assert module.split(".")[1:2] != ["bundle"] and module.split(".")[1:2] != ["training"], path.name


def test_loading_a_bundle_needs_nothing_but_what_the_service_installs(toys):
    """Run in a process in which everything beyond numpy, msgspec and ONNX Runtime cannot be imported."""
    heavy = ["pandas", "sklearn", "scipy", "onnx", "skl2onnx", "mlflow", "dvc", "great_expectations", "pyarrow", "yaml"]
    code = f"""
import sys
sys.modules.update(dict.fromkeys({heavy!r}))
from pathlib import Path
from slipway.bundle import load
bundle = load(Path({str(toys["churn"].bundle.path)!r}))
print(len(bundle.score(bundle.golden()[0])))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 16


def test_every_stage_script_is_short():
    for path in (ROOT / "pipeline").glob("*.py"):
        assert len(path.read_text().splitlines()) < 40, path.name
