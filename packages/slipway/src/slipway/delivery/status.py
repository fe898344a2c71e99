"""What the ledger says beside what is: for one screen, and for one release."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from slipway.delivery.rollout import find_difference
from slipway.delivery.targets.base import Target
from slipway.delivery.targets.registry import find_target
from slipway.errors import DeliveryError
from slipway.ledger import Entry, Event, Ledger, Release
from slipway.settings import project_settings
from slipway.tracking.aliases import read_alias


class Status(msgspec.Struct, frozen=True):
    """One environment: `serving` in `image` is what the ledger says, `runs` what answers, `alias` what MLflow says.

    `differs` says what of it does not agree, None if all does; where the environment could not be `looked_at`, why.
    `note` is what a person should know besides.
    """

    environment: str
    entry: int
    event: Event
    serving: str | None
    image: str | None
    since: datetime | None
    runs: str | None
    url: str
    model: str | None
    alias: str | None
    differs: str | None
    looked_at: bool
    note: str | None


def read_status(root: Path) -> list[Status]:
    """Every environment of the ledger that pyproject.toml says where to find."""
    ledger = Ledger(root)
    known = project_settings(root).environments
    return [_status(root, ledger.read(name)) for name in ledger.environments() if name in known]


def _status(root: Path, entry: Entry) -> Status:
    target, serving = find_target(root, entry.environment), entry.serving
    runs, differing, note, looked_at = _look(target, serving)
    alias, model = read_alias(entry), serving.model if serving else None
    aside = f"MLflow's alias says {alias or 'nothing'}, the ledger {model}" if model and alias != model else None
    return Status(
        environment=entry.environment,
        entry=entry.number,
        event=entry.event,
        serving=serving.bundle if serving else None,
        image=serving.image if serving else None,
        since=entry.since,
        runs=runs,
        url=target.url,
        model=model,
        alias=alias,
        differs=differing or aside,
        looked_at=looked_at,
        note=note,
    )


def _look(target: Target, serving: Release | None) -> tuple[str | None, str | None, str | None, bool]:
    """What runs, what differs, what is to be noted, and whether it could be looked at; if not, the second is why."""
    try:
        return target.observe(), find_difference(target, serving), target.note(), True
    except DeliveryError as error:
        return None, str(error), None, False


def _observe(target: Target) -> str | None:
    """What answers; None also where an environment cannot be looked at from here."""
    try:
        return target.observe()
    except DeliveryError:
        return None


def describe_status(found: Status) -> str:
    """The environment in one line, and one more for each thing that does not agree or is to be noted."""
    if found.serving is None:
        said = f"{found.environment:<12} serves nothing (entry {found.entry}, {found.event})"
    else:
        serving = Release(bundle=found.serving, image=found.image).shown
        said = (
            f"{found.environment:<12} serves {serving} since {found.since:%Y-%m-%d %H:%M} "
            f"(entry {found.entry}, {found.event}), {found.url}" + (f", MLflow {found.alias}" if found.alias else "")
        )
    if found.differs:
        way = f": `slipway converge {found.environment}` mends it" if found.looked_at else ""
        said += f"\n{'':<12} but {found.differs}{way}"
    if found.note:
        said += f"\n{'':<12} {found.note}"
    return said


def find_arrival(ledger: Ledger, environment: str) -> Entry | None:
    """The entry that brought what serves now; None if nothing serves."""
    serving = ledger.read(environment).serving
    if serving is None:
        return None
    bringing = (Event.DEPLOY, Event.PROMOTE, Event.ROLLBACK)
    entries = (entry for entry in ledger.history(environment) if entry.event in bringing)
    return next((entry for entry in entries if entry.release == serving), None)


def trace_release(root: Path, environment: str) -> dict[str, Any]:
    """Where what serves came from, and who brought it; names in the order in which one asks."""
    ledger = Ledger(root)
    newest = ledger.read(environment)
    serving, brought = newest.serving, find_arrival(ledger, environment)
    gate = (brought.gate if brought else None) or {}
    return {
        "environment": environment,
        "target": brought.target if brought else None,
        "bundle": serving.bundle if serving else None,
        "image": serving.image if serving else None,
        "model_version": serving.model if serving else None,
        "mlflow_run": serving.run if serving else None,
        "commit": serving.commit if serving else None,
        "data": serving.data if serving else None,
        "gate": gate.get("sentence"),
        "brought_by": brought.by if brought else None,
        "event": f"{brought.event} (entry {brought.number})" if brought else None,
        "reason": (brought.reason or None) if brought else None,
        "since": newest.since,
        "runs": _observe(find_target(root, environment)),
    }
