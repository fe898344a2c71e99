"""Who may do what: permissions, identity, secrets, credentials on disk."""

import re
from collections.abc import Sequence

from policies.reading import Workflow, called, texts

# The most that any job of a workflow may ask for; a workflow that is not here may read the code and nothing else.
_READ = {"contents": "read"}
_DEPLOY = {
    "contents": "write",  # the ledger
    "packages": "read",
    "deployments": "write",
    "attestations": "read",
    "id-token": "write",
    "actions": "read",
}
ALLOWED = {
    "ci.yml": _READ | {"checks": "read", "pull-requests": "read", "id-token": "write"},
    "report.yml": _READ | {"actions": "read", "pull-requests": "write"},
    "cd.yml": _DEPLOY | {"packages": "write", "attestations": "write"},
    "deploy.yml": _DEPLOY,
    "promote.yml": _DEPLOY | {"pull-requests": "read"},
    "rollback.yml": _DEPLOY | {"actions": "write"},
    "ledger.yml": {"contents": "write", "id-token": "write"},
    "cleanup.yml": _READ | {"packages": "write"},
    "monitor.yml": _READ
    | {"issues": "write", "actions": "write", "pull-requests": "read", "pages": "write", "id-token": "write"},
    "retrain.yml": {"contents": "write", "pull-requests": "write", "issues": "write", "actions": "read"},
    "docs.yml": _READ | {"pages": "write", "id-token": "write"},
    "security.yml": _READ | {"actions": "read", "security-events": "write"},
}
_RANK = {"none": 0, "read": 1, "write": 2}
# A job that calls deploy.yml must hold what that one asks for; it runs no step of its own.
_IDENTITY = {
    ("deploy.yml", None),
    ("cd.yml", "image"),
    ("cd.yml", "model"),
    ("ci.yml", "pipeline"),
    ("ledger.yml", "rows"),
    ("monitor.yml", "page"),
    ("docs.yml", "publish"),
}
_EXCHANGE = "aws-actions/configure-aws-credentials@"
_SPEAKING = (_EXCHANGE, "actions/attest@", "actions/deploy-pages@")
_NOT_FOR_FORKS = (
    "(github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository)"
)
_SECRET = re.compile(r"\bsecrets\s*[.\[]|\bsecrets\s*\)", re.IGNORECASE)
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


def no_rights_on_top(workflows: Sequence[Workflow]) -> list[str]:
    """A workflow begins with no right at all: `permissions: {}`."""
    return [
        f"{each.name}: expected permissions: {{}} on top, found {each.data.get('permissions', 'nothing')!r}"
        for each in workflows
        if each.jobs and each.data.get("permissions") != {}
    ]


def rights_within_the_list(workflows: Sequence[Workflow]) -> list[str]:
    """A job holds no right that its workflow has no use for."""
    found = []
    for workflow in workflows:
        allowed = ALLOWED.get(workflow.name, _READ)
        for name, job in workflow.jobs.items():
            scopes = job.get("permissions", {})
            if not isinstance(scopes, dict):
                found.append(f"{workflow.name}: {name}: permissions: {scopes} grants more than anybody needs")
                continue
            found += [
                f"{workflow.name}: {name}: {scope}: {level} is not allowed here"
                for scope, level in scopes.items()
                if _RANK.get(level, 3) > _RANK[allowed.get(scope, "none")]
            ]
    return found


def rights_with_a_reason(workflows: Sequence[Workflow]) -> list[str]:
    """Each right says in a comment what it is for."""
    return [
        f"{workflow.name}: {name}: {scope} says not what it is for: expected a comment behind it"
        for workflow in workflows
        for name, job in workflow.jobs.items()
        if isinstance(job.get("permissions"), dict)
        for scope in job["permissions"]
        if not workflow.comment(("jobs", name, "permissions", scope))
    ]


def identity_where_needed(workflows: Sequence[Workflow]) -> list[str]:
    """Only what deploys, signs an image, fetches data or publishes a page may have `id-token: write`."""
    return [
        f"{workflow.name}: {name}: id-token: write belongs to {_identities()}"
        for workflow in workflows
        for name, job in workflow.jobs.items()
        if isinstance(job.get("permissions"), dict) and job["permissions"].get("id-token") == "write"
        if not {(workflow.name, None), (workflow.name, name)} & _IDENTITY and called(job) != "deploy.yml"
    ]


def _identities() -> str:
    return ", ".join(f"{job} of {name}" if job else name for name, job in sorted(_IDENTITY, key=str))


def identity_used(workflows: Sequence[Workflow]) -> list[str]:
    """A job that may speak for the repository has a step that does: it exchanges its token, or attests."""
    return [
        f"{workflow.name}: {name}: id-token: write, but no step exchanges the token or attests"
        for workflow in workflows
        for name, job in workflow.jobs.items()
        if isinstance(job.get("permissions"), dict) and job["permissions"].get("id-token") == "write"
        if not called(job) and not any(str(step.get("uses", "")).startswith(_SPEAKING) for step in job.get("steps", []))
    ]


def no_exchange_for_forks(workflows: Sequence[Workflow]) -> list[str]:
    """The identity is shown only where a variable names the role, and never in a run for a fork's pull request."""
    found = []
    for workflow in workflows:
        for where, _, step in workflow.steps:
            if not str(step.get("uses", "")).startswith(_EXCHANGE):
                continue
            role = str((step.get("with") or {}).get("role-to-assume", "")).strip("${} ")
            wanted = [role if role.startswith("vars.") else "vars.NAME"]
            wanted += [_NOT_FOR_FORKS] if "pull_request" in workflow.events else []
            condition = " ".join(str(step.get("if", "")).split())
            # An alternative beside them would make up for all of them.
            loose = "||" in condition.replace(_NOT_FOR_FORKS, "")
            lacking = [part for part in wanted if loose or part not in condition.split(" && ")]
            found += [f"{where}: expected {part} in its if, found {condition!r}" for part in lacking]
    return found


def no_secrets_in_pull_requests(workflows: Sequence[Workflow]) -> list[str]:
    """What runs for a pull request, and what that calls, knows no secret: its code is anybody's."""
    by_name = {each.name: each for each in workflows}
    reached = [each for each in workflows if "pull_request" in each.events]
    for workflow in reached:
        for job in workflow.jobs.values():
            inner = by_name.get(called(job) or "")
            if inner and inner not in reached:
                reached.append(inner)
    return [f"{each.name}: {text}" for each in reached for text in _secrets(each)]


def _secrets(workflow: Workflow) -> list[str]:
    found = [f"job {name} hands on secrets" for name, job in workflow.jobs.items() if job.get("secrets")]
    inside = [text for value in texts(workflow.data) for text in _EXPRESSION.findall(value)]
    # An `if:` is an expression without the braces.
    inside += [str(part.get("if", "")) for part in workflow.jobs.values()]
    inside += [str(step.get("if", "")) for _, _, step in workflow.steps]
    return found + [f"reads a secret in a pull request: {text.strip()}" for text in inside if _SECRET.search(text)]


def credentials_not_persisted(workflows: Sequence[Workflow]) -> list[str]:
    """A checkout leaves no token on disk, but where the ledger or a retrain is pushed, and a comment says so."""
    found = []
    for workflow in workflows:
        for where, path, step in workflow.steps:
            if not str(step.get("uses", "")).startswith("actions/checkout@"):
                continue
            persisted = (step.get("with") or {}).get("persist-credentials", "missing")
            said = workflow.comment((*path, "with", "persist-credentials")) if persisted is True else ""
            if "ledger" in said or "retrain's branch" in said:
                continue
            if persisted is not False:
                found.append(f"{where}: expected persist-credentials: false, found {persisted}")
    return found


POLICIES = (
    no_rights_on_top,
    rights_within_the_list,
    rights_with_a_reason,
    identity_where_needed,
    identity_used,
    no_exchange_for_forks,
    no_secrets_in_pull_requests,
    credentials_not_persisted,
)
