"""What a job and its steps must be: limited in time, pinned, deaf to injected text, and never forgiving."""

import re
from collections.abc import Sequence
from typing import Any

from places import ROOT

from policies.reading import Workflow, called, texts

_MAKEFILE = ROOT / "Makefile"
_SETUP = "./.github/actions/setup"
_RUNNER = "${{ vars.SLIPWAY_RUNNER || 'ubuntu-24.04' }}"
_PIN = re.compile(r"[0-9a-f]{40}")
_VERSION = re.compile(r"v\d+\.\d+\.\d+")
# Workflows with rights: their jobs install what delivers, and those that train and judge what the pipeline needs.
_WITH_RIGHTS = (
    *("cd.yml", "deploy.yml", "promote.yml", "report.yml", "rollback.yml", "cleanup.yml"),
    *("ledger.yml", "monitor.yml", "retrain.yml"),
)
_OF_THE_PIPELINE = (
    *(("cd.yml", "model"), ("cd.yml", "gate"), ("ledger.yml", "rows"), ("ledger.yml", "record")),
    *(("monitor.yml", "monitor"), ("retrain.yml", "retrain")),
)
_LONGEST_MINUTES = 60
_FORGIVES = re.compile(r"\|\|\s*(true|:|exit 0|echo)\b|\|\|\s*:|;\s*true\b|\bset \+e\b")
_SEVERAL = re.compile(r"\n|&&|\|\||;|\s\|\s")
_SCRIPTS = ("script", "inlineScript", "args", "entrypoint")


def time_limits(workflows: Sequence[Workflow]) -> list[str]:
    """Every job that runs steps ends within an hour."""
    return [
        f"{workflow.name}: {name}: expected timeout-minutes of 1 to {_LONGEST_MINUTES}, found {limit}"
        for workflow in workflows
        for name, job in workflow.jobs.items()
        if "steps" in job
        if not isinstance(limit := job.get("timeout-minutes"), int) or not 0 < limit <= _LONGEST_MINUTES
    ]


def no_expression_in_a_script(workflows: Sequence[Workflow]) -> list[str]:
    """A title or a branch name reaches a script through the environment, where it is text and nothing else."""
    return [
        f"{where}: ${{{{ }}}} inside a script: pass it through env"
        for workflow in workflows
        for where, _, step in workflow.steps
        for script in _scripts(step)
        if "${{" in script
    ]


def _scripts(step: dict[str, Any]) -> list[str]:
    given = step.get("with") or {}
    return [str(step.get("run", "")), str(step.get("shell", "")), *(str(given.get(name, "")) for name in _SCRIPTS)]


def one_command_each(workflows: Sequence[Workflow]) -> list[str]:
    """A `run:` is one command: whatever is more belongs into the tested command line."""
    return [
        f"{where}: several commands in one run: {step['run'].strip()[:60]!r}"
        for workflow in workflows
        for where, _, step in workflow.steps
        if _SEVERAL.search(str(step.get("run", "")).strip())
    ]


def nothing_forgiven(workflows: Sequence[Workflow]) -> list[str]:
    """A step that fails fails its job, and the job its run."""
    found = []
    for workflow in workflows:
        for name, job in workflow.jobs.items():
            if job.get("continue-on-error"):
                found.append(f"{workflow.name}: {name}: continue-on-error")
        for where, _, step in workflow.steps:
            if step.get("continue-on-error"):
                found.append(f"{where}: continue-on-error")
            if _FORGIVES.search(str(step.get("run", ""))):
                found.append(f"{where}: a failure is swallowed: {step['run'].strip()[:60]!r}")
    return found


def pinned(workflows: Sequence[Workflow]) -> list[str]:
    """Every action is a commit with its version in a comment, the same wherever it is used."""
    found, known = [], dict[str, tuple[str, str]]()
    for workflow in workflows:
        for where, path, step in workflow.steps:
            action, _, commit = str(step.get("uses", "./")).partition("@")
            if action.startswith("./"):
                continue
            pin = commit, workflow.comment((*path, "uses"))
            if not _PIN.fullmatch(commit) or not _VERSION.fullmatch(pin[1]):
                found.append(f"{where}: expected {action}@<40 digits of a commit> # vX.Y.Z, found {step['uses']}")
            elif known.setdefault("/".join(action.split("/")[:2]), pin) != pin:
                found.append(f"{where}: {action} is {' '.join(pin)} here, and another commit elsewhere")
    return found


def runner_in_one_place(workflows: Sequence[Workflow]) -> list[str]:
    """Every job runs where the variable SLIPWAY_RUNNER says."""
    return [
        f"{workflow.name}: {name}: expected runs-on: {_RUNNER}, found {job.get('runs-on')}"
        for workflow in workflows
        for name, job in workflow.jobs.items()
        if "steps" in job and job.get("runs-on") != _RUNNER
    ]


def inputs_passed(workflows: Sequence[Workflow]) -> list[str]:
    """A called workflow gets every input and secret that it requires, and none that it does not know."""
    by_name = {each.name: each for each in workflows}
    found = []
    for workflow in workflows:
        for name, job in workflow.jobs.items():
            inner = by_name.get(called(job) or "")
            if inner is None:
                continue
            call = inner.events.get("workflow_call")
            if call is None:
                found.append(f"{workflow.name}: {name}: {inner.name} is not made to be called")
                continue
            for kind, word in (("inputs", "with"), ("secrets", "secrets")):
                found += [f"{workflow.name}: {name}: {text}" for text in _match(call.get(kind), job.get(word))]
    return found


def _match(known: dict[str, Any] | None, given: dict[str, Any] | str | None) -> list[str]:
    known, given = known or {}, given or {}
    if given == "inherit":
        return ["inherits every secret: name those that it needs"]
    assert isinstance(given, dict)
    required = {name for name, spec in known.items() if (spec or {}).get("required") and "default" not in spec}
    return [f"{name} is required and not passed" for name in sorted(required - given.keys())] + [
        f"{name} is passed and not known" for name in sorted(given.keys() - known.keys())
    ]


def artifacts_replaced(workflows: Sequence[Workflow]) -> list[str]:
    """A run that is started again meets the artifacts of its first attempt, and must replace them."""
    return [
        f"{where}: expected overwrite: true"
        for workflow in workflows
        for where, _, step in workflow.steps
        if str(step.get("uses", "")).startswith("actions/upload-artifact@")
        if (step.get("with") or {}).get("overwrite") is not True
    ]


def uv_of_the_makefile(workflows: Sequence[Workflow]) -> list[str]:
    """Jobs install the version of uv that people have, verified by its hash."""
    (wanted,) = re.findall(r"(?m)^UV_VERSION := (\S+)$", _MAKEFILE.read_text())
    found = []
    for workflow in workflows:
        if workflow.name != "setup/action.yml":
            continue
        lines = (workflow.root / ".github" / "actions" / "setup" / "uv.txt").read_text().splitlines()
        if not any(line.split()[:1] == [f"uv=={wanted}"] for line in lines):
            found.append(f"setup/uv.txt: expected uv=={wanted}, as in the Makefile")
        installs = [str(step["run"]) for _, _, step in workflow.steps if "pip install" in str(step.get("run"))]
        found += [f"setup/action.yml: expected --require-hashes: {run}" for run in installs if "--require-h" not in run]
    return found


def packages_of_the_job(workflows: Sequence[Workflow]) -> list[str]:
    """Packages are installed by the set-up alone, and jobs with rights install no more than a delivery needs."""
    found = []
    for workflow in workflows:
        for where, path, step in workflow.steps:
            if "uv sync" in str(step.get("run")) and workflow.name != "setup/action.yml":
                found.append(f"{where}: installs by itself: use {_SETUP}")
            if step.get("uses") != _SETUP or workflow.name not in _WITH_RIGHTS:
                continue
            given = (step.get("with") or {}).get("packages")
            if given != "deliver" and (workflow.name, path[1]) not in _OF_THE_PIPELINE:
                found.append(f"{where}: has rights: expected packages: deliver, found {given}")
    return found


def no_caches(workflows: Sequence[Workflow]) -> list[str]:
    """No job restores a cache: one that is kept could have been filled by anybody's pull request."""
    found = []
    for workflow in workflows:
        for where, _, step in workflow.steps:
            uses, given = str(step.get("uses", "")), step.get("with") or {}
            if uses.startswith("actions/cache") or any("cache" in name for name in given):
                found.append(f"{where}: a cache")
        found += [f"{workflow.name}: a cache" for text in texts(workflow.data) if "type=gha" in text]
    return found


POLICIES = (
    time_limits,
    no_expression_in_a_script,
    one_command_each,
    nothing_forgiven,
    pinned,
    runner_in_one_place,
    inputs_passed,
    artifacts_replaced,
    uv_of_the_makefile,
    packages_of_the_job,
    no_caches,
)
