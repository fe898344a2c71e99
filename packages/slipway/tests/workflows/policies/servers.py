"""An environment is a rehearsal until a variable says that it is on a server; its secrets go nowhere else."""

import re
from collections.abc import Sequence
from typing import Any

from policies.reading import Workflow, called, environment_of

# How a workflow names its environment: deploy.yml is told by its callers, monitor.yml has a schedule as well.
NAMES = dict.fromkeys(("deploy.yml", "ledger.yml"), "inputs.environment") | {
    "monitor.yml": "inputs.environment || 'production'"
}
_ELSEWHERE = "!contains(format(' {0} ', vars.SLIPWAY_SERVERS), format(' {0} ', NAME))"
_HANDED = (
    "SLIPWAY_REGISTRY_PASSWORD",
    "SLIPWAY_LEDGER_KEY",
    "SLIPWAY_SSH_KEY",
    "SLIPWAY_API_KEYS",
    "SLIPWAY_SMOKE_KEY",
)
_OF_A_SERVER = re.compile(r"secrets[.\['\"\s]+SLIPWAY_(SSH_KEY|API_KEYS|SMOKE_KEY)")
_CONNECT = "slipway ci connect"


def suffix(workflow: Workflow) -> str:
    """The end of the name of an environment: empty where it is on a server."""
    return _unless_named(workflow, "-rehearsal")


def rehearsal_unless_named(workflows: Sequence[Workflow]) -> list[str]:
    """The target of a job, and the environment that GitHub shows for it, depend on the same condition."""
    found = []
    for workflow, name, job in _reaching(workflows):
        environment, end, wanted = environment_of(job), suffix(workflow), _unless_named(workflow, "rehearsal")
        if not environment.endswith(end):
            found.append(f"{workflow.name}: {name}: expected an environment that ends in {end}, found {environment}")
        target = (job.get("env") or {}).get("SLIPWAY_TARGET")
        if " ".join(str(target).split()) != wanted:
            found.append(f"{workflow.name}: {name}: expected SLIPWAY_TARGET: {wanted}, found {target}")
    return found


def server_secrets_at_its_door(workflows: Sequence[Workflow]) -> list[str]:
    """Only the step that makes the way to the server sees its secrets, and only where there is a server."""
    beside = [
        f"{workflow.name}: {name}: a server's secret for the whole job"
        for workflow in workflows
        for name, job in workflow.jobs.items()
        if not called(job) and _OF_A_SERVER.search(str({key: job[key] for key in job if key != "steps"}))
    ]
    return beside + [
        f"{where}: a server's secret belongs to the step of {_CONNECT}, if: env.SLIPWAY_TARGET == ''"
        for workflow in workflows
        for where, _, step in workflow.steps
        if _OF_A_SERVER.search(str(step))
        if _CONNECT not in str(step.get("run")) or step.get("if") != "env.SLIPWAY_TARGET == ''"
    ]


def secrets_handed_on(workflows: Sequence[Workflow]) -> list[str]:
    """Whoever calls deploy.yml hands on the names of its secrets, each by itself, and no other one."""
    wanted = {name: f"${{{{ secrets.{name} }}}}" for name in _HANDED}
    return [
        f"{workflow.name}: {name}: expected secrets: {wanted}, found {job.get('secrets')}"
        for workflow in workflows
        for name, job in workflow.jobs.items()
        if called(job) == "deploy.yml" and job.get("secrets") != wanted
    ]


def _unless_named(workflow: Workflow, word: str) -> str:
    condition = _ELSEWHERE.replace("NAME", NAMES.get(workflow.name, "inputs.environment"))
    return f"${{{{ {condition} && '{word}' || '' }}}}"


def _reaching(workflows: Sequence[Workflow]) -> list[tuple[Workflow, str, dict[str, Any]]]:
    """The jobs that deploy to an environment, or read its log."""
    return [
        (workflow, name, job)
        for workflow in workflows
        for name, job in workflow.jobs.items()
        if any(
            re.search(r"slipway (deploy|promote|rollback|ci log)\b", str(step.get("run")))
            for step in job.get("steps") or []
        )
    ]


POLICIES = (rehearsal_unless_named, server_secrets_at_its_door, secrets_handed_on)
