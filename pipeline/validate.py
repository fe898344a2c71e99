"""Hold the dataset against the contract and the problem's own expectations."""

from pathlib import Path

from slipway import stage
from slipway.data.validation.check import check
from slipway.data.validation.dataset import load_dataset
from slipway.data.validation.publish import publish
from slipway.project import load_project

DOCS = Path(".slipway/data_docs")


def validate() -> str:
    """Write `validation.json`, and Data Docs to look at beside it."""
    problem, _ = load_project()
    with stage.step("loading the dataset"):
        frame = load_dataset(problem, Path("data"))
    report = check(problem, frame, DOCS)
    stage.say(f"  Data Docs: {DOCS / 'index.html'}")
    publish(report, Path("validation.json"))
    rules = sum(len(view.rules) for view in report.views)
    return f"{rules} rules hold for {report.rows:,} rows"


if __name__ == "__main__":
    stage.run(validate)
