"""Measure the gate's time on the example with one and two times its holdout, as a whole and check by check.

    OMP_NUM_THREADS=1 uv run python packages/slipway/benchmarks/gate.py [--repeats 3]

Needs `dvc repro evaluate`. Production serves a retrain with another seed, and the gate judges as in a pull request
that changes `problem.py`, by the rules of its base commit. The second holdout has every row twice, the copies in other
groups. Imports are over when the clock starts, here and in the server of the child processes, whose processor time is
included. The fastest of the repeats counts: a slower one was interrupted by the machine.
"""

import argparse
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import pandas as pd

from slipway.bundle import Bundle, load_bundle
from slipway.bundle.isolation import child_process
from slipway.data.prepared import read_parts, write_parts
from slipway.data.splitting import is_held_out
from slipway.errors import GateError
from slipway.evaluation.holdout import evaluate_holdout, score_holdout
from slipway.evaluation.record import RECORD, encode_record, make_record, write_record
from slipway.evaluation.result import write_evaluation
from slipway.evaluation.slices import cut_slices
from slipway.gate import checks
from slipway.gate.checks.check import Check
from slipway.gate.problem_process import ProblemProcess
from slipway.gate.run import run_gate
from slipway.git import Git
from slipway.ledger import Event, Ledger, Release, next_entry
from slipway.project import Project, load_project
from slipway.settings import project_settings, quiet_environment
from slipway.training.fit import fit_estimator
from slipway.training.seal import seal_bundle

ROOT = Path(__file__).parents[3]
COPIED = ("pyproject.toml", "params.yaml", "gate.yaml", "src", "bundle")
BY = "Benchmark <benchmark@example.invalid>"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    quiet_environment()
    project, (train, holdout) = load_project(ROOT), read_parts(ROOT / "prepared")
    with tempfile.TemporaryDirectory() as temporary:
        production = seal_retrain(project, train, Path(temporary) / "production")
        for times in (1, 2):
            root = Path(temporary) / f"holdout-{times}"
            rows = holdout if times == 1 else double(holdout, project)
            make_repository(root, project, train, rows, production)
            measure(root, len(rows), repeats)


def seal_retrain(project: Project, train: pd.DataFrame, folder: Path) -> Bundle:
    problem, params = project
    params = msgspec.structs.replace(params, train=msgspec.structs.replace(params.train, seed=params.train.seed + 1))
    return seal_bundle(problem, fit_estimator(problem, params, train), params.train.threshold, train, folder)[0]


def double(holdout: pd.DataFrame, project: Project) -> pd.DataFrame:
    """Append every row again, with another key, in groups of later names that the split holds out too."""
    names = (f"{name} {number}" for name in holdout["group"].unique() for number in range(1000))
    names = (name for name in names if is_held_out(name, project.params.split))
    again: dict[str, str] = {}
    for name in names:
        again.setdefault(name.rpartition(" ")[0], name)
    copies = holdout.assign(group=holdout["group"].map(again), key=holdout["key"] + " again")
    return pd.concat([holdout, copies], ignore_index=True)


def make_repository(
    root: Path, project: Project, train: pd.DataFrame, holdout: pd.DataFrame, production: Bundle
) -> None:
    """Commit the project twice, the second time with another problem.py, and let production serve the retrain."""
    problem, params = project
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, root.mkdir(exist_ok=True) or root / name)
    write_parts(train, holdout, root / "prepared")
    bundle = load_bundle(root / "bundle")
    scored, baseline = score_holdout(bundle, problem, train, holdout)
    parts = cut_slices(problem.slices, holdout)
    write_evaluation(evaluate_holdout(scored, baseline, problem.metric, params.evaluate, parts), root / "metrics.json")
    write_record(root / RECORD, make_record(bundle, problem, params, scored, holdout))
    (root / ".gitignore").write_text("bundle\nprepared\n.slipway\n")
    git = Git(root, GateError)
    git.run("init", "--quiet", "--initial-branch", "main")
    for text in ("", "\n# Another comment.\n"):
        with next((root / "src").glob("*/problem.py")).open("a") as source:
            source.write(text)
        git.run("add", "--all")
        git.run("-c", "user.name=b", "-c", "user.email=b@example.invalid", "commit", "--quiet", "-m", "a commit")
    ledger = Ledger(root)
    ledger.init(("staging", "production"), BY, "a benchmark")
    served, _ = score_holdout(production, problem, train, holdout)
    record = encode_record(make_record(production, problem, params, served, holdout))
    ledger.append(
        "production",
        lambda newest: next_entry(
            newest, Event.PROMOTE, by=BY, reason="a benchmark", release=Release(bundle=production.digest)
        ),
        production.path,
        record=record,
    )


def measure(root: Path, rows: int, repeats: int) -> None:
    taken: dict[str, list[float]] = {}
    own = checks.CHECKS
    checks.CHECKS = tuple(_timed(check, taken) for check in own)
    whole, used = [], []
    for _ in range(repeats):
        started, before = import_all(root), _processor_seconds()
        found = run_gate(root, base="HEAD~1")
        whole.append(time.perf_counter() - started)
        end_servers()
        used.append(_processor_seconds() - before)
    checks.CHECKS = own
    print(f"\n{rows:,} held-out rows: {found.sentence}")
    print(f"  {min(whole):.2f} s, {min(used):.2f} s of processor time with the imports of the server; its checks:")
    for name, seconds in sorted(taken.items(), key=lambda each: -min(each[1])):
        print(f"    {min(seconds):>5.2f} s  {name}")
    sys.stdout.flush()


def import_all(root: Path) -> float:
    """Import what the gate imports late, here and in the server, and return the time when that is done."""
    import pyarrow.parquet  # noqa: F401
    import scipy.special  # noqa: F401

    ProblemProcess(root, project_settings(root).problem).read_facts()
    return time.perf_counter()


def end_servers() -> None:
    """End the child processes, whose processor time is known from then on; the next gate starts them again."""
    for server in child_process._servers:
        server._control.close()
        server._process.wait()
    child_process._servers.clear()


def _timed(check: Check, taken: dict[str, list[float]]) -> Check:
    def judge(inputs):
        started = time.perf_counter()
        try:
            return check.judge(inputs)
        finally:
            taken.setdefault(check.name, []).append(time.perf_counter() - started)

    return check._replace(judge=judge)


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
