"""Notebooks are stored without outputs: figures belong to a run, and rows of the data do not belong into git."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = [path for path in sorted(ROOT.glob("notebooks/**/*.ipynb")) if ".ipynb_checkpoints" not in path.parts]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_stored_without_outputs(path):
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    ran = ["".join(cell["source"]) for cell in cells if cell["outputs"] or cell["execution_count"] is not None]
    assert ran == [], f"{path.name} holds outputs. Clear all outputs in the editor, and save it."
