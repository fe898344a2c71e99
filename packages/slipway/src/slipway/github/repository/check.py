"""Say on one screen what is not protected in the repository now, and what to press."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slipway.errors import GitHubError
from slipway.github.client.api import GitHub
from slipway.github.repository.apply import plan_repository
from slipway.github.repository.deploy_key import TITLE, list_deploy_keys, read_signer_lines, signer_line
from slipway.github.repository.environments import APPROVAL, PAGES, PROPOSAL
from slipway.github.repository.obstacles import obstacles
from slipway.github.repository.owners import list_unowned
from slipway.github.repository.people import find_only_writer
from slipway.github.repository.protection import Protection
from slipway.github.repository.settings import Action, Step
from slipway.ledger.signatures import SIGNERS
from slipway.settings import ProjectSettings, project_settings

_APPLY = "slipway github apply --yes"
# What a setting of `slipway github apply` protects, by its kind and name.
_PROTECTS = {
    ("ruleset", "default branch"): "main takes reviewed pull requests with a green verdict only",
    ("ruleset", "deployments"): "the ledger cannot be rewritten or deleted",
    ("ruleset", "witnesses"): "a witness of the ledger cannot be moved or deleted",
    ("deploy key", TITLE): "deployments have a key of their own for the ledger",
    ("ruleset", "deployments writer"): "only that key writes the ledger",
    ("ruleset", "witnesses writer"): "only that key adds witnesses",
    ("environment", PROPOSAL): "only main can use the key of the app that opens pull requests",
    ("environment", PAGES): "only main can publish the monitor's page",
}


def check_protection(github: GitHub, root: Path) -> list[Protection]:
    """Return every protection, those that hold too; raises `GitHubError`."""
    steps, settings, private = plan_repository(github, root), project_settings(root), _is_private(github)
    return [
        *_settings(steps),
        _owners(root),
        _reviewers(steps, root, settings),
        _second_person(github),
        _signers(github, root),
        _images(settings, private),
        _token(github),
        *obstacles(github, root),
    ]


def _settings(steps: list[Step]) -> Iterator[Protection]:
    for step in steps:
        limited = f"{step.name} deploys from main only" if step.kind == "environment" else None
        what = _PROTECTS.get((step.kind, step.name)) or limited or f"{step.kind} {step.name} is as its file says"
        if step.action is Action.LEAVE:
            yield Protection(what, holds=True)
        elif step.action is Action.REFUSED:
            yield Protection(what, False, "this plan lacks it", " ".join(step.notes))
        else:
            found = "missing" if step.action is Action.CREATE else "; ".join(step.details)
            yield Protection(what, False, found, _APPLY)


def _owners(root: Path) -> Protection:
    what = "owners review the gate's rules, the workflows and the image"
    if paths := list_unowned(root):
        return Protection(what, False, f"no owner: {', '.join(paths)}", "slipway github owners @organisation/team")
    return Protection(what, holds=True)


def _reviewers(steps: list[Step], root: Path, settings: ProjectSettings) -> Protection:
    what = "a release is approved before production"
    if settings.github.approval == "pull-request":
        unowned = "/requested/" in list_unowned(root)
        return Protection(what, not unowned, "by the pull request that requests it", _own("/requested/", unowned))
    asking = [step for step in steps if step.kind == "environment" and step.name.endswith(APPROVAL)]
    if asking and not any(step.notes for step in asking) and all(step.action is Action.LEAVE for step in asking):
        return Protection(what, holds=True)
    return Protection(
        what,
        False,
        "; ".join(note for step in asking for note in step.notes) or "the environment is not as its file says",
        f'name reviewers in .github/environments/production{APPROVAL}.json, or set approval = "pull-request" in '
        "[tool.slipway.github] of pyproject.toml",
    )


def _own(path: str, unowned: bool) -> str:
    return f"fill in the owner of {path}: slipway github owners @organisation/team" if unowned else ""


def _second_person(github: GitHub) -> Protection:
    only = find_only_writer(github)
    found = f"{only} alone may write" if only else ""
    return Protection("a second person sees every change", not only, found, "Settings, Collaborators" if only else "")


def _signers(github: GitHub, root: Path) -> Protection:
    what, lines = "only signed entries of the ledger are believed", read_signer_lines(root)
    if not lines:
        press = "docs/ledger.md, Sign it; `slipway github apply` prints the line of the deploy key"
        return Protection(what, False, f"{SIGNERS} names no key", press)
    try:
        keys = [" ".join(str(each["key"]).split()[:2]) for each in list_deploy_keys(github)]
    except GitHubError as error:
        return Protection(what, None, f"GitHub does not tell the deploy key: {error.said or error.status}", SIGNERS)
    # A delivery signs with the deploy key.
    named = {word for line in lines for word in line.split()}
    if lacking := [key for key in keys if key.split()[-1] not in named]:
        add = f"add to {SIGNERS} by a pull request, and keep the other lines: {signer_line(lacking[-1])}"
        return Protection(what, False, f"{SIGNERS} lacks the deploy key: every delivery is refused", add)
    return Protection(what, holds=True)


def _images(settings: ProjectSettings, private: bool) -> Protection:
    what = "only images that cd built, or a trusted key signed, are started"
    if not private or settings.github.attest or settings.signature:
        return Protection(what, holds=True)
    return Protection(
        what,
        False,
        "a private repository, neither attest nor a signature in pyproject.toml",
        "attest = true in [tool.slipway.github] (Enterprise), or a key: docs/workflows.md",
    )


def _token(github: GitHub) -> Protection:
    what = "a workflow that names no permissions may only read"
    try:
        found: dict[str, Any] = github.get("actions/permissions/workflow")
    except GitHubError as error:
        return Protection(
            what, None, f"GitHub does not tell: {error.said or error.status}", "Settings, Actions, General"
        )
    holds = found.get("default_workflow_permissions") == "read" and not found.get("can_approve_pull_request_reviews")
    shown = f"{found.get('default_workflow_permissions')}" + (
        ", and may approve pull requests" if found.get("can_approve_pull_request_reviews") else ""
    )
    return Protection(what, holds, "" if holds else shown, "" if holds else "Settings, Actions, General, Read")


def _is_private(github: GitHub) -> bool:
    # A payload that does not say so counts as public: its images are attested.
    return github.get("").get("private") is True
