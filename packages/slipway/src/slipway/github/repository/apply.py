"""Apply rulesets and environments to the repository at GitHub: plan the differences, then apply each step."""

from pathlib import Path

from slipway.github.client.api import GitHub
from slipway.github.repository.deploy_key import deploy_key_setting
from slipway.github.repository.environments import environment_settings
from slipway.github.repository.owners import FILE, list_unowned
from slipway.github.repository.rulesets import ruleset_settings, writer_settings
from slipway.github.repository.settings import Action, Setting, Step, apply_setting, plan_setting


def plan_repository(github: GitHub, root: Path) -> list[Step]:
    """Return what would be created, changed and left; raises `GitHubError`, also for an unknown reviewer."""
    return [plan_setting(setting) for setting in _settings(github, root).values()]


def apply_step(github: GitHub, root: Path, step: Step) -> Step:
    """Apply one step of the plan; return it with its result. Raises `GitHubError`."""
    return apply_setting(_settings(github, root)[step.kind, step.name], step)


def _settings(github: GitHub, root: Path) -> dict[tuple[str, str], Setting]:
    # Last of all the rulesets that the deploy key alone passes: without it they would lock everybody out.
    found = [
        *ruleset_settings(github, root),
        *environment_settings(github, root),
        *deploy_key_setting(github, root),
        *writer_settings(github, root),
    ]
    return {(setting.kind, setting.name): setting for setting in found}


def list_remarks(root: Path) -> list[str]:
    """Return what the files leave open."""
    paths = list_unowned(root)
    if not paths:
        return []
    return [
        f"{', '.join(paths)} have no owner: until {FILE} names one, any approval is enough. "
        "Fill it in with `slipway github owners @organisation/team`."
    ]


def summarize_steps(steps: list[Step]) -> str:
    """Return the last line: what was done, or what to type next."""
    counts = {action: sum(step.action is action for step in steps) for action in Action}
    said = ", ".join(f"{count} {action.value}" for action, count in counts.items() if count)
    if counts[Action.CREATE] or counts[Action.CHANGE]:
        return f"{said}. Nothing was changed yet. Next: slipway github apply --yes"
    if counts[Action.CREATED] or counts[Action.CHANGED]:
        return f"{said}. Next: slipway github apply says that nothing is left to do."
    return "Nothing to do." if counts[Action.LEAVE] == len(steps) else f"{said}."
