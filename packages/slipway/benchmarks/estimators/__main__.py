"""Seal every usual estimator, or see it refused, and hold its export against it on fresh rows.

    uv run python packages/slipway/benchmarks/estimators [--only NAME] [--rows 2000] [--fresh 100000]

Needs the extras boost and catboost (`uv sync --all-packages`). Prints the tables of docs/estimators.md: the pipelines
that people write for rows with texts and gaps, then every estimator that skl2onnx names on numbers without gaps. Each
goes through the fit, the export, the certificate and the seal that `dvc repro` uses. A fresh row is off if its score
differs by more than 1e-5 (of the target's spread, or of a larger score) or its label changed; one in a hundred has a
text that the training rows do not have.
"""

import os
import textwrap

os.environ.setdefault("OMP_NUM_THREADS", "1")

import click
from every import list_every
from measure import Case, Found, try_case
from usual import list_usual


@click.command()
@click.option("--only", default="", help="Cases whose name contains this.")
@click.option("--rows", default=2000, show_default=True, help="Training rows.")
@click.option("--fresh", default=100_000, show_default=True, help="Rows to compare on.")
def main(only: str, rows: int, fresh: int) -> None:
    for title, cases in (("Usual pipelines", [*list_usual()]), ("Every estimator", [*list_every()])):
        chosen = [case for case in cases if only.lower() in case.name.lower()]
        print(f"\n### {title}\n\n| estimator | task | | largest difference | rows off | reason |")
        print("|---|---|---|---|---|---|")
        found = [show(case, try_case(case, rows, fresh)) for case in chosen]
        verdicts = [each.verdict for each in found]
        counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in sorted({*verdicts}))
        print(f"\n{len(found)} tried: {counts}.", flush=True)


def show(case: Case, found: Found) -> Found:
    difference = "" if found.difference is None else f"{found.difference:.1e}"
    off = "" if found.off is None else f"{found.off:,}"
    reason = textwrap.shorten(found.refused.replace("|", "\\|"), 160, placeholder=" ...")
    print(f"| {case.name} | {case.task} | {found.verdict} | {difference} | {off} | {reason} |", flush=True)
    return found


if __name__ == "__main__":
    main()
