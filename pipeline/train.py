"""Fit, export, certify and seal."""

from pathlib import Path

from slipway.data.prepared import read_part
from slipway.files.writing import write_json
from slipway.project import load_project
from slipway.stage import run_stage, timed_step
from slipway.training.fit import fit_estimator
from slipway.training.seal import seal_bundle


def train() -> str:
    """Write `bundle/` and `training.json`."""
    problem, params = load_project()
    train = read_part(Path("prepared"), "train")
    with timed_step(f"fitting on {len(train):,} rows"):
        fitted = fit_estimator(problem, params, train)
    with timed_step("exporting and certifying"):
        bundle, certificate = seal_bundle(problem, fitted, params.train.threshold, train, Path("bundle"))
    write_json(Path("training.json"), {"rows": len(train), "digest": bundle.digest, "certificate": certificate})
    parity = f"{certificate.largest_difference:.1e} over {certificate.rows:,} rows"
    return f"sealed bundle {bundle.digest[:12]}, largest difference from the estimator {parity}"


if __name__ == "__main__":
    run_stage(train)
