"""Find out on main whether a tree has passed ci already: then nothing has to run again."""

from slipway.github.client.api import GitHub

_CHECK = "verdict"
# GitHub Actions: other apps may report a check of the same name.
_APP = 15368


def has_passed(github: GitHub, commit: str) -> bool:
    """Return whether ci was green for the tree of `commit`, there or at the head of the pull request merged as it.

    A head with this tree held all of its base already, so ci tested this tree when it tested their merge. Raises
    `GitHubError`.
    """
    tree = _tree(github, commit)
    heads = [commit, *(pull["head"]["sha"] for pull in github.pages(f"commits/{commit}/pulls"))]
    return any(_is_green(github, head) for head in heads if _tree(github, head) == tree)


def _tree(github: GitHub, commit: str) -> str:
    return str(github.get(f"git/commits/{commit}")["tree"]["sha"])


def _is_green(github: GitHub, commit: str) -> bool:
    runs = github.pages(f"commits/{commit}/check-runs", key="check_runs", check_name=_CHECK)
    return any(run["conclusion"] == "success" and run["app"]["id"] == _APP for run in runs)
