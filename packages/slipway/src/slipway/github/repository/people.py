"""The people who may write: a rule that needs two of them must not lock the only one out."""

from typing import Any

from slipway.errors import GitHubError
from slipway.github.client.api import GitHub

ALONE = (
    "{who} alone may write here, and a pull request cannot be approved by its author: {what} is applied without a "
    "second person. Invite one (Settings, Collaborators), then run `slipway github apply --yes` again."
)


def find_only_writer(github: GitHub) -> str | None:
    """Return the login of the only person who may write, None if there are several or the token may not see them."""
    try:
        people = [str(each["login"]) for each in github.pages("collaborators", permission="push")]
    except GitHubError:
        # Rules that ask for two are then applied as they stand.
        return None
    return people[0] if len(people) == 1 else None


def reduce_reviews(ruleset: dict[str, Any]) -> dict[str, Any]:
    """Return the ruleset with the rules that the only writer can satisfy: pull requests stay, approvals go."""
    alone = {
        "required_approving_review_count": 0,
        "require_code_owner_review": False,
        "require_last_push_approval": False,
    }
    rules = [
        rule | {"parameters": rule["parameters"] | alone} if rule["type"] == "pull_request" else rule
        for rule in ruleset["rules"]
    ]
    return ruleset | {"rules": rules}


def asks_for_reviews(ruleset: dict[str, Any]) -> bool:
    """Return whether the ruleset asks for an approval of a pull request."""
    return reduce_reviews(ruleset) != ruleset
