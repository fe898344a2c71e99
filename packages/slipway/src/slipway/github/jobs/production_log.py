"""Fetch the prediction log of an environment into a job, or say why there is none in reach."""

from pathlib import Path

from slipway.delivery.targets.registry import find_target
from slipway.errors import GitHubError
from slipway.github.client.api import GitHub
from slipway.serving.log.copying import copy_log_folder
from slipway.settings import project_settings

_ELSEWHERE = (
    "Nothing was measured. Run `slipway monitor run {environment}` where the log is, by cron or a timer, or let a "
    "runner reach it: docs/on-call.md, The monitor's schedule."
)
_PUBLIC = (
    "the repository is public, so every account could download the log from this run: it may hold what clients sent"
)


def fetch_log(github: GitHub, root: Path, environment: str, folder: Path) -> str | None:
    """Copy the log into the new `folder`; return a sentence that says why there is none in reach, None if it is there.

    A folder that `[tool.slipway.github]` names in `logs` comes first: the log's on a self-hosted runner. Raises
    `GitHubError`, `DeliveryError`.
    """
    if github.get("").get("private") is not True:
        return _say(environment, _PUBLIC)
    settings = project_settings(root)
    target = find_target(root, environment, settings)
    named = settings.github.logs.get(environment, "")
    if named.startswith("s3://"):
        return _say(environment, f"{named} is a bucket, for which this job has no credentials")
    if named:
        _copy(environment, root / named, folder)
        return None
    if target.rehearsal:
        return _say(environment, f"{environment} is a rehearsal, of which nothing stays running")
    reason = target.copy_log(folder)
    return _say(environment, reason) if reason else None


def _copy(environment: str, log: Path, folder: Path) -> None:
    if not log.is_dir():
        raise GitHubError(
            f"The log of {environment} is not there: expected the folder {log}, which [tool.slipway.github] of "
            "pyproject.toml names in logs. Run the job on the machine that has it, or change the table."
        )
    copy_log_folder(log, folder)


def _say(environment: str, reason: str) -> str:
    return f"Schedule without log: {reason}. {_ELSEWHERE.format(environment=environment)}"
