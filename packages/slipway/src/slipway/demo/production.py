"""The part of `demo.yaml` about production: traffic, the monitor's alarms, and retrains, each with what is expected."""

import fnmatch
import shlex
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from slipway.demo.commands import capture_slipway, run_slipway
from slipway.errors import DeliveryError
from slipway.figures import format_figure
from slipway.gate.result import Verdict
from slipway.git import Git
from slipway.monitoring.alarms.alarm import Alarm, AlarmState
from slipway.monitoring.result import MonitorResult
from slipway.monitoring.retrain.result import RetrainEnd, RetrainResult
from slipway.monitoring.retrain.working_tree import run_dvc
from slipway.monitoring.windows import format_length
from slipway.stage import print_progress

_ENDS = {
    RetrainEnd.PROPOSED: Verdict.PROMOTE,
    RetrainEnd.KEPT: Verdict.KEEP,
    RetrainEnd.REFUSED: Verdict.REFUSE,
}
_IDENTITY = ("-c", "user.name=demo", "-c", "user.email=demo@slipway.invalid")
_BRANCHES = "refs/heads/retrain/"


class ProductionStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One step after a release: its title, and the options of the commands that it runs, as a person types them.

    `replay`, `monitor` and `retrain` are run in this order, each if it is given (it may be empty). `fires` are patterns
    of measurements: an alarm must be firing for each, the first alarm for the first of them; `silent` are patterns of
    which none may fire. `expect` is the gate's verdict on the retrain; a model that it promotes is delivered.
    """

    title: Annotated[str, Meta(min_length=1)]
    environment: str = "production"
    replay: str | None = None
    monitor: str | None = None
    show: tuple[str, ...] = ()
    fires: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    retrain: str | None = None
    expect: Verdict | None = None

    def __post_init__(self) -> None:
        """Raise `ValueError`, which msgspec reports, for an expectation without the command that it is about."""
        if self.monitor is None and (self.fires or self.silent or self.show):
            raise ValueError("fires, silent and show need monitor")
        if (self.retrain is None) != (self.expect is None):
            raise ValueError("expected both retrain and expect, or neither")


def play_production(folder: Path, steps: tuple[ProductionStep, ...]) -> None:
    """Run the steps in the workspace; raises `DeliveryError` where something else happens than is expected."""
    git = Git(folder, DeliveryError)
    for reference in git.run("for-each-ref", "--format=%(refname)", _BRANCHES).split():
        git.run("update-ref", "-d", reference)
    # A retrain starts from a clean tree, and the user's edits are part of this one.
    git.run("add", "--all")
    git.run(*_IDENTITY, "commit", "--quiet", "--allow-empty", "--no-verify", "--message", "The workspace of the demo")
    for step in steps:
        print_progress(f"\nIn {step.environment}: {step.title}")
        if step.replay is not None:
            run_slipway(folder, "replay", step.environment, *shlex.split(step.replay))
        if step.monitor is not None:
            _monitor(folder, step)
        if step.retrain is not None:
            _retrain(folder, step)


def leave_branch(folder: Path) -> None:
    """Go back from the branch of a retrain to the commit that it was made of, and to its data."""
    git = Git(folder, DeliveryError)
    if git.attempt("symbolic-ref", "--quiet", "HEAD").text.startswith(_BRANCHES):
        git.run("checkout", "--quiet", "--force", "--detach", "HEAD^")
        # Otherwise `dvc repro` would take the newer data for a change by hand.
        run_dvc(folder, "checkout", "--quiet", "--force", "--allow-missing")


def _monitor(folder: Path, step: ProductionStep) -> None:
    words = ("monitor", "run", step.environment, *shlex.split(step.monitor or ""))
    code, output = capture_slipway(folder, *words, "--json")
    # 1 says that an alarm is firing.
    if code not in (0, 1):
        raise DeliveryError(f"`slipway {shlex.join(words)}` ended with exit code {code}: {output.decode()[-500:]}")
    found = msgspec.json.decode(output, type=MonitorResult)
    for line in describe_monitor(found, step.show):
        print_progress(f"  {line}")
    verify_alarms(step, found.alarms)


def describe_monitor(found: MonitorResult, names: tuple[str, ...]) -> list[str]:
    """Return the named figures of the newest window of each length that has them, and every alarm."""
    lines = []
    for window in found.newest:
        figures = [each for each in window.measurements if each.name in names and each.figure]
        shown = [f"{each.name} {format_figure(each.figure)}" for each in figures]
        if shown:
            lines.append(
                f"{format_length(window.length)} to {window.end:%Y-%m-%d}, {window.rows:,} rows: {', '.join(shown)}"
            )
    alarms = [f"{alarm.state}: {alarm.measurement} ({alarm.severity}). {alarm.finding}" for alarm in found.alarms]
    return [*lines, *(alarms or ["no alarm"])]


def verify_alarms(step: ProductionStep, alarms: tuple[Alarm, ...]) -> None:
    """Raise `DeliveryError` unless the alarms that fire are those that the step expects."""
    firing = [alarm.measurement for alarm in alarms if alarm.state is AlarmState.FIRING]
    missing = [pattern for pattern in step.fires if not fnmatch.filter(firing, pattern)]
    unexpected = [name for pattern in step.silent for name in fnmatch.filter(firing, pattern)]
    if missing or unexpected:
        raise DeliveryError(
            f"{step.title!r} in demo.yaml: expected alarms for {', '.join(step.fires) or 'nothing'}, and none for "
            f"{', '.join(step.silent) or 'others'}. Found: {', '.join(firing) or 'none'}."
        )


def _retrain(folder: Path, step: ProductionStep) -> None:
    # The workspace is used again and again; a person's repository has a cool-down of a day.
    options = (*shlex.split(step.retrain or ""), "--cool-down", "1s", "--json")
    code, output = capture_slipway(folder, "retrain", step.environment, *options)
    if code not in (0, 1) or not output.strip():
        raise DeliveryError(f"`slipway retrain` ended with exit code {code} in {folder}; its output is above.")
    found = msgspec.json.decode(output, type=RetrainResult)
    print_progress(f"  {found.end}: {found.sentence}")
    if _ENDS.get(found.end) is not step.expect:
        raise DeliveryError(
            f"{step.title!r}: expected the verdict {step.expect} (demo.yaml), but the retrain ended as {found.end}."
        )
    if found.end is RetrainEnd.PROPOSED:
        print_progress(f"  branch {found.branch}; its pull request holds {folder}/.slipway/retrain/retrain.md")
        run_slipway(folder, "deploy", "staging")
        run_slipway(folder, "promote", "staging", "production")
