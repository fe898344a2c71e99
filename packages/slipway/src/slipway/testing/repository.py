"""Workflows and notebooks parse."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

_PARTS = {"name", "jobs"}


class RepositoryConformance:
    """Test the files that no other test of the team reads: workflows and notebooks."""

    def test_every_workflow_parses(self, project_root: Path) -> None:
        for path in _files(project_root / ".github" / "workflows", "*.y*ml"):
            found = yaml.safe_load(path.read_text())
            assert isinstance(found, dict) and found.keys() >= _PARTS, f"{path.name}: expected the keys name, on, jobs"

    def test_actionlint_accepts_every_workflow(self, project_root: Path) -> None:
        files = _files(project_root / ".github" / "workflows", "*.y*ml")
        program = shutil.which("actionlint", path=str(Path(sys.executable).parent)) or shutil.which("actionlint")
        assert program or not files, "actionlint is not installed. Run: make setup"
        if files:
            command = [str(program), "-no-color", *map(str, files)]
            done = subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr

    def test_every_notebook_parses(self, project_root: Path) -> None:
        for path in _files(project_root / "notebooks", "*.ipynb"):
            for number, cell in enumerate(json.loads(path.read_text())["cells"], 1):
                if cell["cell_type"] == "code":
                    ast.parse(_without_commands("".join(cell["source"])), f"{path.name}, cell {number}")


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.rglob(pattern))


def _without_commands(source: str) -> str:
    """Drop the lines that are for IPython: %magic and !command."""
    return "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))
