"""Bring rulesets and environments to the repository at GitHub: what differs first, then one step after the other."""

from pathlib import Path

from slipway.github import environments, owners, rulesets
from slipway.github.api import GitHub
from slipway.github.steps import Action, Step

_KINDS = {"ruleset": rulesets, "environment": environments}


def plan(github: GitHub, root: Path) -> list[Step]:
    """What would be created, changed and left; raises `GitHubError`."""
    return [step for kind in _KINDS.values() for step in kind.plan(github, root)]


def carry_out(github: GitHub, root: Path, step: Step) -> Step:
    """Do one step of the plan; it comes back with what became of it."""
    return _KINDS[step.kind].carry_out(github, root, step)


def remarks(root: Path) -> list[str]:
    """What the files themselves leave open."""
    paths = owners.unowned(root)
    if not paths:
        return []
    return [
        f"nobody owns {', '.join(paths)}: until {owners.FILE} names somebody, any one approval is enough. "
        "Fill it in with `slipway github owners @organisation/team`."
    ]


def closing(steps: list[Step]) -> str:
    """The last line: what was done, or what to type next."""
    counts = {action: sum(step.action is action for step in steps) for action in Action}
    said = ", ".join(f"{count} {action.value}" for action, count in counts.items() if count)
    if counts[Action.CREATE] or counts[Action.CHANGE]:
        return f"{said}. Nothing was changed yet. Next: slipway github apply --yes"
    if counts[Action.CREATED] or counts[Action.CHANGED]:
        return f"{said}. Next: slipway github apply says that nothing is left to do."
    return "Nothing to do." if counts[Action.LEAVE] == len(steps) else f"{said}."
