"""Compare each environment with the ledger, and trace the release that serves to its origin."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from slipway.delivery.rollout import find_difference
from slipway.delivery.targets.base import Target
from slipway.delivery.targets.registry import find_target
from slipway.errors import DeliveryError
from slipway.ledger import Entry, Event, Ledger, Release
from slipway.ledger.entry import RELEASE_EVENTS
from slipway.settings import ProjectSettings, project_settings
from slipway.tracking.aliases import read_alias


class Status(msgspec.Struct, frozen=True):
    """One environment: `serving` in `image` by the ledger, `runs` the bundle that it serves, `alias` that of MLflow.

    `differs` says how it is out of sync, None if it is in sync; if the environment could not be `looked_at`, why not.
    `note` is a remark of its target, `trust` says who vouches for the ledger.
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
    trust: str


def read_status(root: Path) -> list[Status]:
    """Return the status of every environment of the ledger that pyproject.toml describes."""
    settings = project_settings(root)
    ledger = Ledger(root, settings)
    names = _list_described(ledger, settings)
    return [_read_one(ledger.read(name), find_target(root, name, settings), ledger.trust) for name in names]


def _list_described(ledger: Ledger, settings: ProjectSettings) -> list[str]:
    return [name for name in ledger.environments() if name in settings.environments]


def _read_one(entry: Entry, target: Target, trust: str) -> Status:
    serving, looked_at = entry.serving, True
    runs = note = None
    try:
        runs, difference, note = target.observe(), find_difference(target, serving), target.note()
    except DeliveryError as error:
        looked_at, difference = False, str(error)
    alias, model = read_alias(entry), serving.model if serving else None
    aside = f"the alias in MLflow names {alias or 'nothing'}, the ledger {model}" if model and alias != model else None
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
        differs=difference or aside,
        looked_at=looked_at,
        note=note,
        trust=trust,
    )


def describe_status(found: Status) -> str:
    """Return the environment in one line, with one more for a difference and for a note."""
    if found.serving is None:
        said = f"{found.environment:<12} serves nothing (entry {found.entry}, {found.event})"
    else:
        serving = Release(bundle=found.serving, image=found.image).shown
        said = (
            f"{found.environment:<12} serves {serving} since {found.since:%Y-%m-%d %H:%M} "
            f"(entry {found.entry}, {found.event}), {found.url}" + (f", MLflow {found.alias}" if found.alias else "")
        )
    if found.differs:
        way = f": `slipway reconcile {found.environment}` fixes it" if found.looked_at else ""
        said += f"\n{'':<12} but {found.differs}{way}"
    if found.note:
        said += f"\n{'':<12} {found.note}"
    return said


def find_arrival(ledger: Ledger, environment: str) -> Entry | None:
    """Return the entry that brought the release that serves, None if nothing serves."""
    serving = ledger.read(environment).serving
    if serving is None:
        return None
    entries = (entry for entry in ledger.history(environment) if entry.event in RELEASE_EVENTS)
    return next((entry for entry in entries if entry.release == serving), None)


def trace_releases(root: Path) -> list[dict[str, Any]]:
    """Return what `trace_release` does for every environment of the ledger that pyproject.toml describes."""
    settings = project_settings(root)
    return [trace_release(root, name) for name in _list_described(Ledger(root, settings), settings)]


def trace_release(root: Path, environment: str) -> dict[str, Any]:
    """Return the origin of the release that serves, and who brought it, in the order in which one asks."""
    settings = project_settings(root)
    ledger, target = Ledger(root, settings), find_target(root, environment, settings)
    newest = ledger.read(environment)
    serving, brought = newest.serving, find_arrival(ledger, environment)
    gate = (brought.gate if brought else None) or {}
    runs = None
    # An environment may be out of reach from here.
    with suppress(DeliveryError):
        runs = target.observe()
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
        "runs": runs,
    }
