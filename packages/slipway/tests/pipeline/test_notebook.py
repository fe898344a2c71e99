"""The notebook of the template runs in a project of another problem."""

import shutil

import pytest
from ledgerbox import ENVIRONMENTS, deploy
from places import ROOT

from slipway.bundle import load_bundle
from slipway.ledger import Ledger

pytestmark = pytest.mark.slow


# Cell by cell in one process: a kernel would need five ports, which another test may take before it listens.
EXECUTE = """
import ast, json, os
from threadpoolctl import threadpool_info
os.environ.pop("OMP_NUM_THREADS", None)
with open("notebooks/explore.ipynb") as file:
    cells = json.load(file)["cells"]
os.chdir("notebooks")
for cell in cells:
    if cell["cell_type"] == "code":
        body = ast.parse("".join(cell["source"])).body
        *statements, last = body
        names = globals()
        exec(compile(ast.Module(statements, []), "cell", "exec"), names)
        if isinstance(last, ast.Expr):
            shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        else:
            exec(compile(ast.Module([last], []), "cell", "exec"), names)
print(shown)
print("threads", *{each["num_threads"] for each in threadpool_info() if each["user_api"] == "openmp"})
"""


def execute(project):
    """Run the notebook's cells, and return what the last one shows."""
    shutil.copytree(ROOT / "notebooks", project.folder / "notebooks", dirs_exist_ok=True)
    done = project.run("-c", EXECUTE)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_notebook_trains_and_compares_with_the_champion(project):
    Ledger(project.folder).init(ENVIRONMENTS, "Ada <ada@example.invalid>", "first delivery")
    deploy(project.folder, load_bundle(project.folder / "bundle"), "production")
    shown = execute(project)
    lines = dict(line.split(maxsplit=1) for line in shown.splitlines() if line.startswith("log_loss"))
    mine, production, baseline = map(float, lines["log_loss"].split())
    # The same inputs give the same bundle, so the notebook's model is the one in production.
    assert mine == production < baseline
    # Several wait for each other on a busy machine: a kernel took five minutes instead of one and a half.
    assert "threads 1\n" in shown
