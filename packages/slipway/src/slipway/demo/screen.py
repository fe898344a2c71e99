"""The last screen of the demo: stages, metrics, one prediction, and what to type next."""

import shlex
import shutil
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from slipway.bundle import load_bundle
from slipway.bundle.predictions import describe_prediction
from slipway.columns import columns_to_rows, take_rows
from slipway.demo.workspace import WORKSPACE
from slipway.evaluation.result import Evaluation, read_evaluation
from slipway.figures import format_figure
from slipway.monitoring.retrain.run import REPORT
from slipway.stage import StageTime

NEXT = (
    ("make serve", "serve the model, with a page to try it, on http://127.0.0.1:8080"),
    ("cat .demo/gate.md", "the gate's report on the last chapter's model"),
    ("make ui STORE=.demo", "runs and model versions in MLflow, on http://127.0.0.1:5000"),
    ("make repro", "run the same pipeline on your files"),
    ("make test", "test the problem and the pipeline"),
    ("make help", "list every make target"),
)


def print_summary(folder: Path, stages: dict[str, StageTime | None], seconds: float) -> None:
    """Print stages (None: it did not run), metrics, one prediction, and what to type next; `seconds` is the total."""
    console = Console(highlight=False)
    console.print()
    console.print(_stages(stages))
    console.print(_metrics(read_evaluation(folder / "metrics.json")))
    registered = msgspec.json.decode((folder / "registered.json").read_bytes())
    console.print(
        f"Registered: model {registered['model']} version {registered['version']}, bundle {registered['digest'][:12]}"
    )
    _show_prediction(console, folder)
    console.print(f"\nDone in {seconds:.0f} s. Everything is in {WORKSPACE}/. What to type next:")
    for command, what in NEXT:
        console.print(f"  {command:<20} {what}", soft_wrap=True)
    for line in describe_production(folder):
        console.print(line, soft_wrap=True, markup=False)


def describe_production(folder: Path) -> list[str]:
    """Return what the steps in production left, and what to type next; empty where there were none."""
    pages = sorted((folder / "monitoring").glob("production-*.html"))
    if not pages:
        return []
    found = ["In production (docs/monitoring.md):"]
    found.append(f"  {WORKSPACE}/monitoring/{pages[-1].name}, in a browser: figures, alarms and what to do")
    if (folder / REPORT).exists():
        found.append(f"  cat {WORKSPACE}/{REPORT}: the last retrain, for the reviewer of its pull request")
    found.append(f"  (cd {WORKSPACE} && ../.venv/bin/slipway monitor run production): measure again")
    found.append(f"  (cd {WORKSPACE} && ../.venv/bin/slipway reconcile production): start it, then send traffic with")
    found.append("    `slipway replay` and faults of your choice (docs/replay.md)")
    return found


def _uv() -> str:
    """Return the command uv: the one on the PATH, or the one that `make` installed."""
    fetched = ".tools/bin/uv"
    return fetched if (shutil.which("uv") or fetched).endswith(fetched) else "uv"


def _stages(stages: dict[str, StageTime | None]) -> Table:
    table = Table("stage", "seconds", "longest step", title="Pipeline", title_justify="left")
    for name, taken in stages.items():
        if taken is None:
            table.add_row(name, "-", "(unchanged, not run)")
        else:
            longest = max(taken.steps, key=lambda step: taken.steps[step], default="")
            table.add_row(name, f"{taken.seconds:.1f}", f"{longest} ({taken.steps[longest]:.1f})" if longest else "")
    return table


def _metrics(found: Evaluation) -> Table:
    title = f"Holdout: {found.rows:,} rows in {found.groups} whole groups"
    model = f"model, {found.confidence:.0%} interval"
    table = Table("metric", model, "trivial baseline", title=title, title_justify="left")
    for metric in found.metrics:
        name = f"[bold]{metric.name}[/bold]" if metric.name == found.primary else metric.name
        baseline = "-" if metric.baseline is None else f"{metric.baseline.value:.4f}"
        table.add_row(name, format_figure(metric, ".4f"), baseline)
    return table


def _show_prediction(console: Console, folder: Path) -> None:
    bundle = load_bundle(folder / "bundle")
    columns = take_rows(bundle.golden()[0], slice(0, 1))
    score = bundle.score(columns)
    row = msgspec.json.encode(columns_to_rows(bundle.fields, columns)[0]).decode()
    answer = msgspec.json.encode(
        describe_prediction(bundle.manifest, score[0].tolist(), bundle.label(score)[0].tolist())
    ).decode()
    console.print("\nA prediction of the sealed bundle:")
    console.print(
        f"  {_uv()} run slipway predict --bundle {WORKSPACE}/bundle {shlex.quote(row)}", soft_wrap=True, markup=False
    )
    console.print(f"  {answer}", soft_wrap=True, markup=False)
