"""Figures, rules and ledger, edited by hand."""

import json

from catalogue import mutant, retrained
from ledgerbox import deploy, forget_ledger, git
from projectbox import Project

from slipway.bundle import load_bundle
from slipway.ledger import Ledger


@mutant("metrics_reproduced", retrained)
def metrics_edited(project: Project) -> None:
    """The primary metric in metrics.json is better than the model's."""
    path = project.root / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["metrics"][0]["value"] *= 0.98
    path.write_text(json.dumps(metrics))


@mutant("metrics_reproduced", retrained)
def metrics_of_another_model(project: Project) -> None:
    """metrics.json is that of a better model."""
    better = (project.root / "metrics.json").read_bytes()
    project.retrain(trees=22)
    (project.root / "metrics.json").write_bytes(better)


def _stricter(project: Project) -> None:
    """The same pull request makes a rule stricter."""
    project.change_rules(milliseconds=40)


@mutant("not_worse", _stricter, base=True)
def rules_loosened(project: Project) -> None:
    """The pull request that brings a worse model loosens the rules that refuse it."""
    project.change_rules(margin=0.9, slice_margin=0.9, skill=0.0)
    project.retrain(trees=2)


@mutant("not_worse", _stricter, base=True)
def exemption_for_oneself(project: Project) -> None:
    """The pull request that brings a worse model exempts it."""
    project.change_rules(
        exemptions=[
            {"check": name, "reason": "we are in a hurry", "until": "2999-12-31"}
            for name in ("not_worse", "no_slice_worse")
        ]
    )
    project.retrain(trees=2)


def _another_entry(project: Project) -> None:
    """Staging gets a release, and the ledger an entry more."""
    deploy(project.root, load_bundle(project.bundle), "staging")


@mutant("ledger", _another_entry)
def ledger_deleted(project: Project) -> None:
    """The branch with the ledger is deleted, so that the model would pass as a first release."""
    forget_ledger(project.root)


@mutant("ledger", _another_entry)
def ledger_shortened(project: Project) -> None:
    """The ledger's last entry is removed."""
    git(project.root, "update-ref", "refs/heads/deployments", "refs/heads/deployments~1")


@mutant("ledger", _another_entry)
def ledger_names_no_bundle(project: Project) -> None:
    """The ledger names a digest whose bundle does not exist."""
    entry = Ledger(project.root).read("production")
    digest = entry.serving.bundle
    content = git(project.root, "show", "refs/heads/deployments:production.json").replace(digest, "0" * 64)
    edited = project.root / ".git" / "edited.json"
    edited.write_text(content + "\n")
    blob = git(project.root, "hash-object", "-w", str(edited))
    own = {"GIT_INDEX_FILE": str(project.root / ".git" / "edited-index")}
    git(project.root, "read-tree", "refs/heads/deployments", **own)
    git(project.root, "update-index", "--cacheinfo", f"100644,{blob},production.json", **own)
    tree = git(project.root, "write-tree", **own)
    commit = git(project.root, "commit-tree", tree, "-p", "refs/heads/deployments~1", "-m", "by hand")
    for reference in ("refs/heads/deployments", "refs/slipway/ledger", "refs/tags/ledger/production/1"):
        git(project.root, "update-ref", reference, commit)
