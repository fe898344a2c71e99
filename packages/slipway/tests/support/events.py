"""What GitHub tells a workflow about the event that started it, as far as ours read it."""

from typing import Any

OWNER, NAME = "acme", "model"
REPOSITORY = f"{OWNER}/{NAME}"
STRANGER = "mallory"


def repository(private: bool = False, owner: str = OWNER) -> dict[str, Any]:
    """The repository; a fork has another owner and another id."""
    return {
        "id": 1 if owner == OWNER else 2,
        "name": NAME,
        "full_name": f"{owner}/{NAME}",
        "fork": owner != OWNER,
        "private": private,
        "default_branch": "main",
        "owner": {"login": owner},
        "html_url": f"https://github.com/{owner}/{NAME}",
    }


def push(after: str, before: str = "0" * 40, private: bool = False) -> dict[str, Any]:
    return {
        "ref": "refs/heads/main",
        "before": before,
        "after": after,
        "created": set(before) == {"0"},
        "deleted": False,
        "forced": False,
        "head_commit": {"id": after, "message": "a change"},
        "repository": repository(private),
        "sender": {"login": "ann"},
    }


def pull_request(
    number: int,
    head: str,
    base: str,
    *,
    action: str = "opened",
    branch: str = "work",
    title: str = "A change",
    owner: str = OWNER,
    private: bool = False,
) -> dict[str, Any]:
    """A pull request of `owner`'s branch into main."""
    return {
        "action": action,
        "number": number,
        "pull_request": {
            "number": number,
            "title": title,
            "body": "",
            "state": "open",
            "draft": False,
            "head": {"sha": head, "ref": branch, "label": f"{owner}:{branch}", "repo": repository(private, owner)},
            "base": {"sha": base, "ref": "main", "label": f"{OWNER}:main", "repo": repository(private)},
            "user": {"login": owner},
        },
        "repository": repository(private),
        "sender": {"login": owner},
    }


def workflow_run(caused_by: dict[str, Any], run: int, conclusion: str, private: bool = False) -> dict[str, Any]:
    """The end of the run `run` of ci, which a pull request's event caused."""
    pull = caused_by["pull_request"]
    own = pull["head"]["repo"]["full_name"] == REPOSITORY
    listed = {"number": pull["number"], "head": {"sha": pull["head"]["sha"]}, "base": {"repo": {"id": 1}}}
    return {
        "action": "completed",
        "workflow_run": {
            "id": run,
            "name": "ci",
            "event": "pull_request",
            "status": "completed",
            "conclusion": conclusion,
            "head_sha": pull["head"]["sha"],
            "head_branch": pull["head"]["ref"],
            "head_repository": pull["head"]["repo"],
            "html_url": f"https://github.com/{REPOSITORY}/actions/runs/{run}",
            # For a fork GitHub lists none.
            "pull_requests": [listed] if own else [],
        },
        "repository": repository(private),
        "sender": caused_by["sender"],
    }


def by_hand(private: bool = False, **inputs: str) -> dict[str, Any]:
    """workflow_dispatch on main."""
    return {
        "ref": "refs/heads/main",
        "inputs": inputs,
        "repository": repository(private),
        "sender": {"login": "ann"},
    }
