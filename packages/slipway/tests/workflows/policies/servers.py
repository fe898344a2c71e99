"""An environment is a rehearsal until a variable says that it is on a server; its secrets go nowhere else."""

import re
from collections.abc import Sequence
from typing import Any

from policies.reading import Workflow, called

ELSEWHERE = "!contains(format(' {0} ', vars.SLIPWAY_SERVERS), format(' {0} ', inputs.environment))"
SUFFIX = f"${{{{ {ELSEWHERE} && '-rehearsal' || '' }}}}"
_TARGET = f"${{{{ {ELSEWHERE} && 'rehearsal' || '' }}}}"
_HANDED = (
    "SLIPWAY_REGISTRY_PASSWORD",
    "SLIPWAY_LEDGER_KEY",
    "SLIPWAY_SSH_KEY",
    "SLIPWAY_API_KEYS",
    "SLIPWAY_SMOKE_KEY",
)
_OF_A_SERVER = re.compile(r"secrets[.\['\"\s]+SLIPWAY_(SSH_KEY|API_KEYS|SMOKE_KEY)")
_CONNECT = "slipway ci connect"


def rehearsal_unless_named(workflows: Sequence[Workflow]) -> list[str]:
    """What is deployed, and the environment that GitHub shows for it, hang on the same condition."""
    found = []
    for workflow, name, job in _deploying(workflows):
        environment = str(job.get("environment", ""))
        if not environment.replace("\n", " ").endswith(SUFFIX):
            found.append(f"{workflow.name}: {name}: expected an environment that ends in {SUFFIX}, found {environment}")
        target = (job.get("env") or {}).get("SLIPWAY_TARGET")
        if target != _TARGET:
            found.append(f"{workflow.name}: {name}: expected SLIPWAY_TARGET: {_TARGET}, found {target}")
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


def _deploying(workflows: Sequence[Workflow]) -> list[tuple[Workflow, str, dict[str, Any]]]:
    return [
        (workflow, name, job)
        for workflow in workflows
        for name, job in workflow.jobs.items()
        if any(
            re.search(r"slipway (deploy|promote|rollback)\b", str(step.get("run"))) for step in job.get("steps") or []
        )
    ]


POLICIES = (rehearsal_unless_named, server_secrets_at_its_door, secrets_handed_on)
