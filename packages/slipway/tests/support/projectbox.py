"""A whole toy project in a folder of its own: git, parameters, rules, parts, bundle, metrics, a ledger."""

import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pandas as pd
import yaml
from gatebox import RULES
from ledgerbox import BY, ENVIRONMENTS, deploy, git
from places import TOYS
from running import free_port
from toybox import toy_params

from slipway.bundle import Bundle
from slipway.bundle.isolation import start_server
from slipway.data.prepared import write_parts
from slipway.data.splitting import is_held_out, split_frame
from slipway.evaluation.holdout import evaluate_holdout, score_holdout
from slipway.evaluation.record import RECORD, make_record, write_record
from slipway.evaluation.result import write_evaluation
from slipway.evaluation.scored import score_frame
from slipway.evaluation.slices import cut_slices
from slipway.gate.problem_process import PRELOAD
from slipway.gate.rules import GateRules
from slipway.ledger import Ledger
from slipway.params import Params
from slipway.problem import Problem, load_problem
from slipway.training.fit import fit_estimator
from slipway.training.seal import seal_bundle


class Project(NamedTuple):
    """The folder, its package, and the parts that its good model was made from."""

    root: Path
    package: str
    train: pd.DataFrame
    holdout: pd.DataFrame

    @property
    def problem(self) -> Problem:
        return load_problem(self.package)

    @property
    def params(self) -> Params:
        found = yaml.safe_load((self.root / "params.yaml").read_text())
        params = msgspec.convert(found, Params)
        return msgspec.structs.replace(params, model=msgspec.convert(params.model, self.problem.params))

    @property
    def bundle(self) -> Path:
        return self.root / "bundle"

    def copy(self, root: Path) -> "Project":
        """The same project in another folder, free to be broken."""
        shutil.copytree(self.root, root, symlinks=True)
        return self._replace(root=root)

    def write_rules(self, rules: GateRules) -> None:
        (self.root / "gate.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(rules)))

    def change_rules(self, **changed: Any) -> None:
        found = yaml.safe_load((self.root / "gate.yaml").read_text())
        (self.root / "gate.yaml").write_text(yaml.safe_dump(found | changed))

    def write_params(self, params: Params) -> None:
        (self.root / "params.yaml").write_text(yaml.safe_dump(msgspec.to_builtins(params)))

    def retrain(self, train: pd.DataFrame | None = None, holdout: pd.DataFrame | None = None, **model: Any) -> Bundle:
        """What `dvc repro` does after the parts have changed: parts, bundle and metrics; `model` are its parameters."""
        train, holdout = self.train if train is None else train, self.holdout if holdout is None else holdout
        params = self.params
        if model:
            params = msgspec.structs.replace(params, model=msgspec.structs.replace(params.model, **model))
        write_parts(train, holdout, self.root / "prepared")
        self.lock_parts()
        fitted = fit_estimator(self.problem, params, train)
        return self.seal(fitted, train, holdout)

    def lock_parts(self) -> None:
        """Name the prepared parts in dvc.lock, as `dvc repro prepare` does."""
        parts = (self.root / "prepared" / f"{name}.parquet" for name in ("holdout", "train"))
        outs = [
            {"path": f"prepared/{part.name}", "hash": "md5", "md5": hashlib.md5(part.read_bytes()).hexdigest()}
            for part in parts
        ]
        lock = {"schema": "2.0", "stages": {"prepare": {"cmd": "python pipeline/prepare.py", "outs": outs}}}
        (self.root / "dvc.lock").write_text(yaml.safe_dump(lock))

    def seal(self, fitted: Any, train: pd.DataFrame | None = None, holdout: pd.DataFrame | None = None) -> Bundle:
        """Seal a fitted estimator as this project's candidate, and evaluate it."""
        train, holdout = self.train if train is None else train, self.holdout if holdout is None else holdout
        bundle, _ = seal_bundle(self.problem, fitted, self.params.train.threshold, train, self.bundle)
        self.evaluate(bundle, train, holdout)
        return bundle

    def evaluate(self, bundle: Bundle, train: pd.DataFrame, holdout: pd.DataFrame) -> None:
        problem = self.problem
        scored, baseline = score_holdout(bundle, problem, train, holdout)
        found = evaluate_holdout(
            scored, baseline, problem.metric, self.params.evaluate, cut_slices(problem.slices, holdout)
        )
        write_evaluation(found, self.root / "metrics.json")
        write_record(self.root / RECORD, make_record(bundle, problem, self.params, scored, holdout))

    def commit(self, message: str = "a change") -> str:
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--allow-empty", "-m", message)
        return git(self.root, "rev-parse", "HEAD")


def make_project(root: Path, name: str = "churn", rows: int = 3000) -> Project:
    """The toy `name` with its good model as candidate, and a ledger in which production serves nothing yet."""
    # The toys' models import it, once for all gates of the session rather than in each.
    start_server(f"{PRELOAD} sklearn.ensemble")
    shutil.copytree(TOYS / name, root / "src" / name, ignore=shutil.ignore_patterns("__pycache__"))
    problem = load_problem(name)
    params = toy_params(problem)
    frame = sys.modules[f"{name}.problem"].load.__globals__["make"](rows, seed=3)
    train, holdout = split_frame(frame, params.split)
    (root / "pyproject.toml").write_text(f'[tool.slipway]\nresults = 3\nproblem = "{name}"\n')
    (root / ".gitignore").write_text("bundle/\nprepared/\n.slipway/\n")
    project = Project(root, name, train, holdout)
    project.write_params(params)
    project.write_rules(RULES)
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=root, check=True)
    project.retrain()
    project.commit("a toy project")
    Ledger(root).init(("staging", "production"), BY, "the tests begin")
    return project


def with_production(project: Project, folder: Path) -> Project:
    """Let production serve an honest retrain: the model of the first nine tenths of the training groups."""
    groups = sorted(project.train["group"].unique())
    train = project.train[project.train["group"].isin(groups[: int(0.9 * len(groups))])].reset_index(drop=True)
    fitted = fit_estimator(project.problem, project.params, train)
    bundle, _ = seal_bundle(project.problem, fitted, project.params.train.threshold, train, folder)
    scored = score_frame(bundle, project.holdout)
    write_record(
        folder.with_name(RECORD), make_record(bundle, project.problem, project.params, scored, project.holdout)
    )
    deploy(project.root, bundle)
    return project


def add_a_year(project: Project) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both parts of a churn project with the days of a year later, in which one plan in two towns leaves otherwise."""
    both, year = pd.concat([project.train, project.holdout], ignore_index=True), pd.Timedelta(days=366)
    later = both.assign(
        group=both["group"].str.replace("2024", "2025"),
        time=both["time"] + year,
        joined=both["joined"] + 10 * year,
        key=both["key"] + 1_000_000,
        target=both["target"] ^ ((both["plan"] == "basic") & both["town"].isin(["ulm", "bern"])),
    )
    held = later["group"].map({name: is_held_out(name, project.params.split) for name in later["group"].unique()})
    train, holdout = (
        pd.concat(part, ignore_index=True) for part in ((project.train, later[~held]), (project.holdout, later[held]))
    )
    return train, holdout


def place(project: Project, key_file: str | None = None, **variables: str) -> Project:
    """Give the project environments on free ports, or keep its ports and change the rest."""
    path = project.root / "pyproject.toml"
    known = tomllib.loads(path.read_text())["tool"]["slipway"].get("environments", {})
    lines = [f'[tool.slipway]\nresults = 3\nproblem = "{project.package}"\n']
    for name in ENVIRONMENTS:
        port = known.get(name, {}).get("port") or free_port()
        lines.append(f"[tool.slipway.environments.{name}]\nport = {port}")
        lines += [f'key_file = "{key_file}"'] if key_file else []
        lines.append(f"[tool.slipway.environments.{name}.variables]")
        lines += [f'{key} = "{value}"' for key, value in variables.items()]
    path.write_text("\n".join(lines) + "\n")
    return project
