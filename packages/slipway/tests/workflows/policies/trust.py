"""What gets rights: no code of a bundle or another branch, no image without a voucher; and no variable decides."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from policies.reading import Workflow, called

# Commands that start a bundle, or code that a bundle was made of.
_RUNS_BUNDLES = re.compile(
    r"\bslipway (gate|choose|search|score|serve|verify|shadow|replay|monitor|retrain|ci record|ci retrain)\b"
)
_MERGED = "github.ref == 'refs/heads/main'"
_OTHER = "github.ref != 'refs/heads/main'"
_DEPLOYS = re.compile(r"\bslipway (deploy|promote|rollback)\b")
_WRITES = re.compile(r"\bslipway (deploy|promote|rollback|ci entry)\b")
_WRITERS = ("deploy.yml", "ledger.yml")
_ATTESTED = "${{ steps.settings.outputs.attested }}"
_READS_RULES = "slipway ci settings"
_LEDGER_KEY = "secrets.SLIPWAY_LEDGER_KEY"
_VERDICTS = {"gate", "chosen", "release", "candidate", "rows", "record"}
_APPROVAL = re.compile(r"needs\.(gate|settings)\.outputs\.approval == '(environment|pull-request)'")


def bundles_run_without_rights(workflows: Sequence[Workflow]) -> list[str]:
    """A job that starts a bundle reads the code of the repository, and has no other right and no secret."""
    return [
        f"{workflow.name}: {name}: starts a bundle and has rights: {scopes}"
        for workflow in workflows
        for name, job in workflow.jobs.items()
        if any(_RUNS_BUNDLES.search(str(step.get("run", ""))) for step in job.get("steps") or [])
        if (scopes := job.get("permissions")) != {"contents": "read"} or "secrets." in str(job) or "environment" in job
    ]


def other_branches_are_refused(workflows: Sequence[Workflow]) -> list[str]:
    """A workflow that releases, rolls back or writes entries fails on another branch, without that branch's code."""
    found = []
    for workflow in workflows:
        if workflow.name not in ("cd.yml", "ledger.yml", "rollback.yml"):
            continue
        refusing = [job for job in workflow.jobs.values() if str(job.get("if")) == _OTHER]
        if len(refusing) != 1 or refusing[0].get("permissions") != {} or not _only_fails(refusing[0]):
            found.append(f"{workflow.name}: expected a job with if: {_OTHER} that fails, and does nothing else")
        found += [
            f"{workflow.name}: {name}: runs on other branches than main"
            for name, job in workflow.jobs.items()
            if job not in refusing and not _needs_main(workflow, name)
        ]
    return found


def approval_in_a_file(workflows: Sequence[Workflow]) -> list[str]:
    """The rule that says who approves production comes from pyproject.toml, and its environment is asked always."""
    found = []
    for workflow, name, job in _calls(workflows, "deploy.yml"):
        given, condition = job.get("with") or {}, str(job.get("if", ""))
        if given.get("environment") != "production" or given.get("action") != "promote":
            continue
        if given.get("approval") is not True:
            found.append(f"{workflow.name}: {name}: expected approval: true")
        if not _APPROVAL.search(condition) or "vars." in condition or "||" in condition:
            found.append(f"{workflow.name}: {name}: expected a condition on outputs.approval, found {condition!r}")
        if not any(_READS_RULES in str(step.get("run")) for _, _, step in workflow.steps):
            found.append(f"{workflow.name}: no step runs {_READS_RULES}")
    return found


def images_verified_before_a_start(workflows: Sequence[Workflow]) -> list[str]:
    """Every step that starts an image demands its attestation where pyproject.toml, or a public repository, does."""
    return [
        f"{where}: expected SLIPWAY_ATTESTED: {_ATTESTED}"
        for workflow in workflows
        for where, _, step in workflow.steps
        if workflow.name == "deploy.yml" and _DEPLOYS.search(str(step.get("run", "")))
        if (step.get("env") or {}).get("SLIPWAY_ATTESTED") != _ATTESTED
    ]


def ledger_key_where_the_ledger_is_written(workflows: Sequence[Workflow]) -> list[str]:
    """The key that writes the ledger is read by checkouts of deploy.yml and ledger.yml, and by the steps that write."""
    found = []
    for workflow in workflows:
        for name, job in workflow.jobs.items():
            beside = {key: value for key, value in job.items() if key != "steps"}
            if workflow.name in _WRITERS and not called(job) and _LEDGER_KEY in str(beside):
                found.append(f"{workflow.name}: {name}: the ledger's key for the whole job")
        found += [
            f"{where}: reads the ledger's key: expected it in the checkout and the steps that write"
            for where, _, step in workflow.steps
            if _LEDGER_KEY in str(step) and not _may_write_the_ledger(workflow, step)
        ]
    return found


def _may_write_the_ledger(workflow: Workflow, step: dict[str, Any]) -> bool:
    writes = _WRITES.search(str(step.get("run", ""))) or str(step.get("uses", "")).startswith("actions/checkout@")
    return workflow.name in _WRITERS and bool(writes)


def verdicts_demanded(workflows: Sequence[Workflow]) -> list[str]:
    """An artifact with a verdict, or what was judged, is there or the job is red."""
    return [
        f"{where}: expected if-no-files-found: error"
        for workflow in workflows
        for where, _, step in workflow.steps
        if str(step.get("uses", "")).startswith("actions/upload-artifact@")
        if (given := step.get("with") or {}).get("name") in _VERDICTS and given.get("if-no-files-found") != "error"
    ]


def logs_kept_for_a_day(workflows: Sequence[Workflow]) -> list[str]:
    """A prediction log may hold what clients sent: as an artifact it is kept no longer than the run needs it."""
    return [
        f"{where}: expected retention-days: 1 for the artifact log"
        for workflow in workflows
        for where, _, step in workflow.steps
        if str(step.get("uses", "")).startswith("actions/upload-artifact@")
        if (given := step.get("with") or {}).get("name") == "log" and given.get("retention-days") != 1
    ]


def _only_fails(job: dict[str, Any]) -> bool:
    return [step.get("run") for step in job.get("steps") or []] == ["exit 1"]


def _needs_main(workflow: Workflow, name: str) -> bool:
    """Return whether the job runs on main only, by itself or because it needs the success of one that does."""
    job = workflow.jobs.get(name, {})
    condition = str(job.get("if", ""))
    if _MERGED in condition and "||" not in condition.replace("(needs.ledger.result == 'success' ||", ""):
        return True
    success = re.findall(r"needs\.(\w+)\.result == 'success'", condition)
    return bool(success) and "||" not in condition and all(_needs_main(workflow, each) for each in success)


def _calls(workflows: Sequence[Workflow], what: str) -> Iterator[tuple[Workflow, str, dict[str, Any]]]:
    for workflow in workflows:
        for name, job in workflow.jobs.items():
            if called(job) == what:
                yield workflow, name, job


POLICIES = (
    bundles_run_without_rights,
    other_branches_are_refused,
    approval_in_a_file,
    images_verified_before_a_start,
    ledger_key_where_the_ledger_is_written,
    verdicts_demanded,
    logs_kept_for_a_day,
)
