"""Register the bundle in MLflow."""

from pathlib import Path

from slipway.files.writing import write_json
from slipway.project import load_project
from slipway.settings import tracking_settings
from slipway.stage import run_stage
from slipway.tracking.evidence import read_evidence
from slipway.tracking.registration import register_bundle


def register() -> str:
    """Write `registered.json`."""
    load_project()  # wrong parameters stop this stage too, the only one that always runs
    found = register_bundle(Path("bundle"), read_evidence(), tracking_settings())
    write_json(Path("registered.json"), found)
    return f"{found.model} version {found.version} is bundle {found.digest[:12]}, in {found.store}"


if __name__ == "__main__":
    run_stage(register)
