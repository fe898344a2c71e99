"""Figures, rules and ledger, edited by hand."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

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


def _same_figures(project: Project) -> None:
    """The same figures, written in another layout."""
    path = project.root / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4, sort_keys=True))


def _change_metrics(project: Project, change: Callable[[dict[str, Any]], None]) -> None:
    path = project.root / "metrics.json"
    metrics = json.loads(path.read_text())
    change(metrics)
    path.write_text(json.dumps(metrics))


@mutant("metrics_reproduced", _same_figures)
def interval_narrowed(project: Project) -> None:
    """The primary metric's interval in metrics.json ends sooner."""
    _change_metrics(project, lambda found: found["metrics"][0].update(high=found["metrics"][0]["value"] * 1.001))


@mutant("metrics_reproduced", _same_figures)
def skill_edited(project: Project) -> None:
    """The share of the baseline's loss in metrics.json is larger."""
    _change_metrics(project, lambda found: found["metrics"][0]["skill"].update(value=0.4))


@mutant("metrics_reproduced", _same_figures)
def baseline_edited(project: Project) -> None:
    """The baseline's loss in metrics.json is larger."""
    _change_metrics(project, lambda found: found["metrics"][0]["baseline"].update(value=0.9))


@mutant("metrics_reproduced", _same_figures)
def slice_edited(project: Project) -> None:
    """The worst slice in metrics.json looks better."""
    _change_metrics(project, lambda found: found["slices"][0]["metrics"][0].update(value=0.3))


@mutant("metrics_reproduced", _same_figures)
def metrics_left_out(project: Project) -> None:
    """Metrics that do not look well were removed from metrics.json."""
    _change_metrics(project, lambda found: found["metrics"].pop())


def _exempt(project: Project, check: str, days: int) -> None:
    project.change_rules(exemptions=[{"check": check, "reason": "it is how we do it", "until": in_days(days)}])


def in_days(number: int) -> str:
    """A day from today, as gate.yaml has it."""
    return (datetime.now(UTC).date() + timedelta(days=number)).isoformat()


def _exempt_for_a_while(project: Project) -> None:
    """An exemption that ends within half a year."""
    _exempt(project, "not_worse", 150)


@mutant("inputs", _exempt_for_a_while)
def exemption_for_ever(project: Project) -> None:
    """An exemption ends in the year 9999."""
    project.change_rules(exemptions=[{"check": "not_worse", "reason": "it is how we do it", "until": "9999-12-31"}])


@mutant("inputs", _exempt_for_a_while)
def exemption_for_a_year(project: Project) -> None:
    """An exemption lasts for a year."""
    _exempt(project, "not_worse", 365)


@mutant("inputs", _exempt_for_a_while)
def exemption_for_an_unknown_check(project: Project) -> None:
    """An exemption names a check that does not exist, and will be there when one of that name comes."""
    _exempt(project, "fair_to_everybody", 30)


@mutant("inputs", _exempt_for_a_while)
def exemption_for_integrity(project: Project) -> None:
    """An exemption is for what cannot be exempted."""
    _exempt(project, "integrity", 30)


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
            {"check": name, "reason": "we are in a hurry", "until": in_days(90)}
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
