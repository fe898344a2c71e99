"""Alarms of production become issues, and a retrain a pull request or a comment, run by a real runner."""

import pytest
import yaml
from alarmbox import write_log
from ledgerbox import git

from slipway.monitoring.rules import DEFAULTS

# One rule, judged on the newest window alone.
RULES = {name: {"enabled": False} for name in DEFAULTS} | {"bias": {"window": 7, "of": [1, 1], "action": "retrain"}}
FIGURES = {"data.dvc", "dvc.lock", "metrics.json"}
REFRESH = '''

def refresh(data_dir, until):
    """Bring the subscribers of the next sixty days."""
    newer = make(3000, seed=4)
    newer["key"] += 3000
    newer["time"] += pd.Timedelta(days=60)
    newer["group"] = newer["time"].dt.strftime("%Y-%m-%d")
    newer.to_parquet(data_dir / "rows" / "newer.parquet", index=False)
'''


@pytest.fixture
def world(world):
    """A private repository: of a public one no log is fetched."""
    world.private = world.github.private = True
    return world


def settle(world, **rules):
    """Commit where the log is, the monitor's rules, what brings newer data, and changes of the gate's rules."""
    pyproject, toy, gate = (world.work / name for name in ("pyproject.toml", "src/churn", "gate.yaml"))
    table = f'\n[tool.slipway.github.logs]\nproduction = "{world.folder / "log"}"\n'
    if table not in pyproject.read_text():
        pyproject.write_text(pyproject.read_text() + table)
        (world.work / "monitor.yaml").write_text(yaml.safe_dump({"rules": RULES}))
        (toy / "dataset.py").write_text((toy / "dataset.py").read_text() + REFRESH)
        text = (toy / "problem.py").read_text().replace("import load\n", "import load, refresh\n")
        (toy / "problem.py").write_text(text.replace("    load=load,\n", "    load=load,\n    refresh=refresh,\n"))
    gate.write_text(yaml.safe_dump(yaml.safe_load(gate.read_text()) | rules))
    world.commit("settings of the monitor")


def monitor(world, bias):
    """Run monitor.yml on a log whose scores have this bias."""
    write_log(world.folder / "log", world.ledger().read("production").serving.bundle, bias)
    run = world.by_hand("monitor.yml", environment="production")
    assert run.passed, (run.results, run.said("monitor"), run.said("alarms"))
    return run


def retrain(world, **inputs):
    run = world.by_hand("retrain.yml", **inputs)
    assert run.passed, (run.results, run.said("retrain"), run.said("propose"))


def test_without_a_log_in_reach_the_run_is_green_and_says_so(world):
    run = world.by_hand("monitor.yml", environment="production")
    assert run.passed, (run.results, run.log)
    assert {name for name, result in run.results.items() if result == "success"} == {"log"}
    assert "Schedule without log: production is a rehearsal" in run.jobs["log"].summary
    assert world.github.issues == []


def test_an_alarm_is_one_issue_its_retrain_a_comment_or_a_pull_request_and_recovery_closes_it(world):
    settle(world, skill=0.5)
    run = monitor(world, bias=0.3)
    (issue,) = world.github.issues
    assert (issue["state"], issue["title"]) == ("open", "production: bias broke the rule bias")
    assert f"/actions/runs/{run.id}" in issue["body"]
    (started,) = world.github.started
    assert started["workflow"] == "retrain.yml"
    assert started["inputs"] == {"environment": "production", "alarm": "production/bias/bias", "run": str(run.id)}

    retrain(world, **started["inputs"])
    (comment,) = world.github.comments
    assert comment["issue"] == issue["number"]
    assert "ended: refused" in comment["body"] and "bias is" in comment["body"]
    assert world.github.pulls == []

    settle(world, skill=0.02)
    retrain(world, **started["inputs"])
    (pull,) = world.github.pulls
    branch = pull["head"]["ref"]
    assert branch.startswith("retrain/production-") and f"#{issue['number']}" in pull["body"]
    changed = set(git(world.hub, "diff", "--name-only", "main", branch).splitlines())
    assert {name for name in changed if not name.startswith(".dvc/embedded/")} == FIGURES

    monitor(world, bias=0.0)
    assert (issue["state"], len(world.github.issues)) == ("closed", 1)
    assert "Recovered" in issue["body"]
