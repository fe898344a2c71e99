"""Keep one comment of a kind under an issue or pull request, found by its marker and author and updated in place."""

from typing import Any, Literal

from slipway.github.client.api import GitHub


def upsert_comment(github: GitHub, number: int, marker: str, text: str) -> tuple[Literal["created", "updated"], str]:
    """Write the comment that begins with `marker` under `number`; return what was done, and its address."""
    body, myself = f"{marker}\n{text}", github.login()
    for found in github.pages(f"issues/{number}/comments"):
        if _is_ours(found, marker, myself):
            return "updated", github.send("PATCH", f"issues/comments/{found['id']}", {"body": body})["html_url"]
    return "created", github.send("POST", f"issues/{number}/comments", {"body": body})["html_url"]


def _is_ours(found: dict[str, Any], marker: str, myself: str) -> bool:
    """Return whether marker and author match: every account can write the marker. A deleted author is null."""
    return (found.get("body") or "").startswith(marker) and (found.get("user") or {}).get("login") == myself
