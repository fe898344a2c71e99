"""Jobs with rights install the group `deliver` alone: what delivers imports nothing that only the pipeline needs.

It has no ONNX Runtime: where rights are, no model could run if anybody tried.
"""

import subprocess
import sys

ABSENT = (
    *("pandas", "pyarrow", "scipy", "sklearn", "skl2onnx", "onnx", "onnxruntime", "mlflow", "dvc"),
    *("great_expectations", "flask"),
)
IMPORT = f"""
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys({ABSENT!r}))
for name in ("delivery", "github", "ledger", "cli"):
    package = importlib.import_module(f"slipway.{{name}}")
    for found in pkgutil.walk_packages(package.__path__, f"slipway.{{name}}."):
        importlib.import_module(found.name)
"""


def test_what_delivers_is_imported_without_the_packages_of_the_pipeline():
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
