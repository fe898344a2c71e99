"""When what runs: triggers, order, queues, environments, the one required check."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from policies.reading import Workflow, called, environment_of, is_deployment, needs, texts, upstream

# Which events may start a workflow; those that are not here may be started by anything but what is forbidden to all.
_EVENTS = {
    "ci.yml": {"pull_request", "merge_group", "push"},
    "machinery.yml": {"workflow_call", "schedule", "workflow_dispatch"},
    "report.yml": {"workflow_run"},
    "cd.yml": {"push", "workflow_dispatch"},
    "deploy.yml": {"workflow_call"},
    "promote.yml": {"push"},
    "rollback.yml": {"workflow_dispatch"},
    "ledger.yml": {"workflow_dispatch"},
    "cleanup.yml": {"schedule", "workflow_dispatch"},
    "monitor.yml": {"schedule", "workflow_dispatch"},
    "retrain.yml": {"workflow_dispatch"},
    "docs.yml": {"pull_request", "push", "workflow_dispatch"},
}
# Jobs with an environment that GitHub must not list as a deployment.
_DEPLOYS_NOTHING = {("monitor.yml", "log"), ("retrain.yml", "propose")}
# What publishes a page: GitHub asks for this environment.
_PAGES = "github-pages"
_PUBLISHES = "actions/deploy-pages@"
# One variable says which of them a site has, so that neither replaces the other's.
_ASKED = {
    "monitor.yml": "vars.SLIPWAY_PAGES == (inputs.environment || 'production')",
    "docs.yml": "github.ref == 'refs/heads/main' && vars.SLIPWAY_PAGES == 'docs'",
}
# A required check that a filter skips is waited for without end.
_FILTERS = ("paths", "paths-ignore", "branches-ignore", "tags", "tags-ignore")
_DEPLOYS = re.compile(r"\bslipway( github)? (deploy|promote|rollback|reconcile)\b")
_ENTRY = re.compile(r"\bslipway ci entry\b")
_GATE = re.compile(r"\bslipway choose\b")
# What a job needs whose forerunner's forerunner may be skipped: that the one before it was successful.
_SUCCESS = r"needs\.\w+\.result == 'success'"
_UNASKED = r"\(needs\.approve\.result == 'skipped' && !inputs\.approval\)"
_APPROVED = rf"\(needs\.approve\.result == 'success' \|\| {_UNASKED}\)"
_AFTER_SUCCESS = re.compile(rf"^!cancelled\(\) && ({_SUCCESS}( && [^|]*)?|{_APPROVED})$")
_REGARDLESS = re.compile(r"\b(always|cancelled|failure)\s*\(")
_NOT_AFTER_FAILURE = re.compile(r"^!failure\(\) && !cancelled\(\)( && [^|]*)?$")
_OF_PRODUCTION = "!failure() && !cancelled() && github.ref == 'refs/heads/main' && inputs.environment == 'production'"
_MERGED = "github.ref == 'refs/heads/main'"
# The job `checks` is in every plan but that of a tree that has passed.
_PLANNED = "contains(fromJSON(needs.plan.outputs.jobs), 'checks')"
_DEFAULT_BRANCH = "${{ github.event.repository.default_branch }}"


def triggers(workflows: Sequence[Workflow]) -> list[str]:
    """A workflow starts by the events that it is made for, and no path filter hides it."""
    found = []
    for workflow in workflows:
        extra = workflow.events.keys() - _EVENTS.get(workflow.name, workflow.events.keys())
        found += [f"{workflow.name}: {event} does not start it" for event in sorted(extra)]
        if workflow.name in ("ci.yml", "cd.yml", "docs.yml", "promote.yml"):
            push = workflow.events.get("push")
            if push is not None and push.get("branches") != ["main"]:
                found.append(f"{workflow.name}: expected a push to main only, found {push.get('branches')}")
        if workflow.name == "ci.yml":
            found += [
                f"ci.yml: {event} is missing"
                for event in ("merge_group", "pull_request", "push")
                if event not in workflow.events
            ]
            found += [
                f"ci.yml: {event} is filtered by {name}"
                for event, spec in workflow.events.items()
                for name in _FILTERS
                if name in spec
            ]
    return found


def schedules_name_their_zone(workflows: Sequence[Workflow]) -> list[str]:
    """A schedule says in which time zone its hours are."""
    return [
        f"{workflow.name}: schedule {each['cron']}: expected a timezone"
        for workflow in workflows
        for each in workflow.events.get("schedule") or []
        if not each.get("timezone")
    ]


def no_pull_request_target(workflows: Sequence[Workflow]) -> list[str]:
    """Nothing runs a stranger's pull request with the repository's rights."""
    return [f"{each.name}: pull_request_target" for each in workflows if "pull_request_target" in each.events]


def workflow_run_checks_out_its_own(workflows: Sequence[Workflow]) -> list[str]:
    """A workflow that runs after another one has rights, so it runs the code of the default branch only."""
    found = []
    for workflow in workflows:
        if "workflow_run" not in workflow.events:
            continue
        for where, _, step in workflow.steps:
            given = step.get("with") or {}
            if not str(step.get("uses", "")).startswith("actions/checkout@"):
                continue
            if given.get("ref", _DEFAULT_BRANCH) != _DEFAULT_BRANCH or "repository" in given:
                found.append(f"{where}: checks out {given.get('repository', '')} {given.get('ref', '')}")
    return found


def ci_cancels_pull_requests_only(workflows: Sequence[Workflow]) -> list[str]:
    """A newer push to a pull request ends the older run; a run on main or in the merge queue is never ended."""
    found = []
    for workflow in _named(workflows, "ci.yml"):
        rule = workflow.data.get("concurrency") or {}
        cancel = str(rule.get("cancel-in-progress", "missing") if isinstance(rule, dict) else "missing")
        if re.sub(r"[\s\"']", "", cancel) != "${{github.event_name==pull_request}}":
            found.append(f"ci.yml: expected cancel-in-progress only if the event is pull_request, found {cancel}")
        group = str(rule.get("group", "")) if isinstance(rule, dict) else ""
        if not re.search(r"github\.(ref|head_ref|event\.pull_request\.number)", group):
            found.append(f"ci.yml: expected a concurrency group for each pull request, found {group!r}")
    return found


def deployments_queue(workflows: Sequence[Workflow]) -> list[str]:
    """Deployments of one environment run one after the other: none is cancelled, none lost, no approval blocks one.

    So do entries of the ledger: a deployment that meets a newer entry than it began with goes back.
    """
    found = []
    for workflow, name, job in (*_running(workflows, _DEPLOYS), *_running(workflows, _ENTRY)):
        rule = job.get("concurrency")
        where = f"{workflow.name}: {name}"
        if not isinstance(rule, dict) or rule.get("group") != "deploy-${{ inputs.environment }}":
            found.append(f"{where}: expected a concurrency group with the name of the environment, found {rule}")
            continue
        if rule.get("cancel-in-progress") is not False:
            found.append(f"{where}: expected cancel-in-progress: false")
        if rule.get("queue") != "max":
            found.append(f"{where}: expected queue: max; by default a third deployment throws the waiting one away")
    for workflow in _named(workflows, "cd.yml", "deploy.yml", "ledger.yml", "promote.yml", "rollback.yml"):
        if "concurrency" in workflow.data:
            found.append(f"{workflow.name}: a queue of whole runs: one that waits for approval would block a rollback")
    if _named(workflows, "deploy.yml") and not list(_running(workflows, _DEPLOYS)):
        found.append("deploy.yml: no job deploys")
    return found


def environments_in_deploy_only(workflows: Sequence[Workflow]) -> list[str]:
    """Only deploy.yml and ledger.yml hold the rights of an environment; what they use stands behind that one.

    Two jobs beside it have an environment and deploy nothing: one reads a log, one has the key of the app that opens
    pull requests. One publishes a page.
    """
    found = [
        f"{workflow.name}: {name}: environment: belongs into deploy.yml"
        for workflow in workflows
        for name, job in workflow.jobs.items()
        if "environment" in job and workflow.name not in ("deploy.yml", "ledger.yml")
        if (workflow.name, name) not in _DEPLOYS_NOTHING or is_deployment(job)
        if not (_publishes(job) and environment_of(job) == _PAGES)
    ]
    for workflow, name, job in (*_running(workflows, _DEPLOYS), *_running(workflows, _ENTRY)):
        if "inputs.environment" not in environment_of(job):
            found.append(f"{workflow.name}: {name}: expected environment: ${{{{ inputs.environment }}}}")
    return found


def pages_published_where_asked(workflows: Sequence[Workflow]) -> list[str]:
    """A page is published where a variable asks for it: a site may be public where the repository is not."""
    return [
        f"{workflow.name}: {name}: expected if: {_ASKED.get(workflow.name)}, found {job.get('if')}"
        for workflow in workflows
        for name, job in workflow.jobs.items()
        if _publishes(job) and job.get("if", "") != _ASKED.get(workflow.name)
    ]


def deployed_by_deploy_only(workflows: Sequence[Workflow]) -> list[str]:
    """Whatever deploys does it through deploy.yml."""
    return [
        f"{workflow.name}: {name}: deploys by itself: call deploy.yml"
        for workflow, name, _ in _running(workflows, _DEPLOYS)
        if workflow.name != "deploy.yml"
    ]


def deployed_after_success_only(workflows: Sequence[Workflow]) -> list[str]:
    """No `if: always()`, `failure()` or `cancelled()` on a job that deploys, or on a step of it that does."""
    found = []
    jobs = [(workflow, name, job) for workflow in workflows for name, job in workflow.jobs.items()]
    for workflow, name, job in jobs:
        steps = [step for step in job.get("steps") or [] if _DEPLOYS.search(str(step.get("run", "")))]
        if called(job) == "deploy.yml" or steps:
            found += [
                f"{workflow.name}: {name}: deploys whatever happened before: if: {part['if']}"
                for part in (job, *steps)
                if not _AFTER_SUCCESS.match(str(part.get("if", "")).strip("${} \n"))
                and _REGARDLESS.search(str(part.get("if", "")))
            ]
    return found


def deployed_after_the_gate(workflows: Sequence[Workflow]) -> list[str]:
    """In cd.yml every deployment has the gate before it, and that to production has staging before it."""
    found = []
    for workflow in _named(workflows, "cd.yml"):
        gates = {name for name, job in workflow.jobs.items() if any(_gates(step) for step in job.get("steps") or [])}
        targets = {
            name: str((job.get("with") or {}).get("environment"))
            for name, job in workflow.jobs.items()
            if called(job) == "deploy.yml"
        }
        for name, environment in targets.items():
            before = upstream(workflow, name)
            if not before & gates:
                found.append(f"cd.yml: {name}: nothing before it runs the gate")
            if environment == "production" and not any(targets.get(each) == "staging" for each in before):
                found.append(f"cd.yml: {name}: production does not wait for staging")
        if not targets:
            found.append("cd.yml: nothing is deployed")
    return found


def rollback_waits_for_nothing(workflows: Sequence[Workflow]) -> list[str]:
    """In rollback.yml the rollback comes first: no job before it, no condition on it but that its code was merged."""
    found = []
    for workflow in _named(workflows, "rollback.yml"):
        deploys = {name: job for name, job in workflow.jobs.items() if called(job) == "deploy.yml"}
        found += [
            f"rollback.yml: {name}: the rollback depends on {word}: {job[word]}"
            for name, job in deploys.items()
            for word in ("needs", "if")
            if job.get(word, _MERGED) != _MERGED
        ]
        if not deploys:
            found.append("rollback.yml: nothing rolls back")
    return found


def approved_before_an_entry(workflows: Sequence[Workflow]) -> list[str]:
    """An entry of production that is written by hand waits for the approval that a release needs."""
    found = []
    for workflow, name, job in _running(workflows, _ENTRY):
        asked = [each for each in needs(job) if workflow.jobs[each].get("environment") == "production-approval"]
        if not asked or not _NOT_AFTER_FAILURE.match(str(job.get("if"))):
            found.append(f"{workflow.name}: {name}: expected a job of production-approval before it, and !failure()")
        found += [
            f"{workflow.name}: {each}: expected every entry of production to ask, found if: {condition}"
            for each in asked
            if (condition := str(workflow.jobs[each].get("if"))) != _OF_PRODUCTION
        ]
    return found


def one_verdict(workflows: Sequence[Workflow]) -> list[str]:
    """The one required check runs always, waits for every other job, and looks at what became of them."""
    found = []
    for workflow in _named(workflows, "ci.yml"):
        verdict = workflow.jobs.get("verdict")
        if verdict is None:
            return ["ci.yml: no job verdict"]
        if str(verdict.get("if")).strip("${} ") != "always()":
            found.append(f"ci.yml: verdict: expected if: always(), found {verdict.get('if')}")
        lacking = workflow.jobs.keys() - {"verdict"} - set(needs(verdict))
        found += [f"ci.yml: verdict: does not wait for {name}" for name in sorted(lacking)]
        if not any(re.search(r"toJSON\(\s*needs\s*\)|needs\.", text, re.IGNORECASE) for text in texts(verdict)):
            found.append("ci.yml: verdict: does not look at the results of what it waits for")
        if str(verdict.get("name", "verdict")) != "verdict":
            found.append("ci.yml: verdict: its name must be verdict, which the ruleset requires")
    return found


def workflows_judged(workflows: Sequence[Workflow]) -> list[str]:
    """In ci.yml the workflows themselves are audited at every change; only a tree that has passed skips it.

    Without a token the audit compares no pinned commit with the version in its comment.
    """
    return [
        "ci.yml: nothing runs `make audit-workflows` with GH_TOKEN at every change"
        for workflow in _named(workflows, "ci.yml")
        if not any(
            step.get("run") == "make audit-workflows"
            and (step.get("env") or {}).get("GH_TOKEN") == "${{ github.token }}"
            and "if" not in step
            and job.get("if") in (None, _PLANNED)
            for job in workflow.jobs.values()
            for step in job.get("steps") or []
        )
    ]


def _named(workflows: Sequence[Workflow], *names: str) -> list[Workflow]:
    return [each for each in workflows if each.name in names]


def _running(workflows: Sequence[Workflow], command: re.Pattern[str]) -> Iterator[tuple[Workflow, str, dict[str, Any]]]:
    """The jobs whose own steps run the command; ci.yml and the others try images out without those that deploy."""
    for workflow in workflows:
        for name, job in workflow.jobs.items():
            if any(command.search(str(step.get("run", ""))) for step in job.get("steps") or []):
                yield workflow, name, job


def _publishes(job: dict[str, Any]) -> bool:
    return any(str(step.get("uses", "")).startswith(_PUBLISHES) for step in job.get("steps") or [])


def _gates(step: dict[str, Any]) -> bool:
    return bool(_GATE.search(str(step.get("run", "")))) and "if" not in step


POLICIES = (
    triggers,
    schedules_name_their_zone,
    no_pull_request_target,
    workflow_run_checks_out_its_own,
    ci_cancels_pull_requests_only,
    deployments_queue,
    environments_in_deploy_only,
    pages_published_where_asked,
    deployed_by_deploy_only,
    deployed_after_success_only,
    deployed_after_the_gate,
    rollback_waits_for_nothing,
    approved_before_an_entry,
    one_verdict,
    workflows_judged,
)
