"""A project whose training set is prepared, and whose holdout cannot be read."""

import hashlib
from pathlib import Path

from toybox import Toy

from slipway.data.prepared import write_parts

SPACE = "model.trees: {low: 1, high: 40, log: true}"
PARAMS = f"""\
split: {{salt: toys, holdout: 0.25}}
train: {{seed: 7, threshold: 0.4}}
evaluate: {{resamples: 200, confidence: 0.95, seed: 7}}
# The trees.
model:
  trees: 30   # few
search:
  folds: 3
  space:
    {SPACE}
"""


def write_project(root: Path, toy: Toy) -> None:
    """Write what `dvc repro prepare` leaves, with rubbish in place of the holdout."""
    write_parts(toy.train, toy.holdout, root / "prepared")
    (root / "prepared/holdout.parquet").write_bytes(b"read by nobody")
    md5 = hashlib.md5((root / "prepared/train.parquet").read_bytes(), usedforsecurity=False).hexdigest()
    (root / "pyproject.toml").write_text(f'[tool.slipway]\nresults = 3\nproblem = "{toy.problem.name}"\n')
    (root / "params.yaml").write_text(PARAMS)
    (root / "dvc.lock").write_text(
        "stages:\n  prepare:\n    params:\n      params.yaml:\n        split: {salt: toys, holdout: 0.25}\n"
        f"    outs:\n    - {{path: prepared/train.parquet, md5: {md5}}}\n"
    )


def edit_params(root: Path, old: str, new: str) -> None:
    """Replace a part of params.yaml."""
    text = (root / "params.yaml").read_text()
    assert old in text
    (root / "params.yaml").write_text(text.replace(old, new))
