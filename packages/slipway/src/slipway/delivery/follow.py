"""Follow the ledger: bring about what it says, again and again, and speak only when something has changed."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from slipway.delivery.converge import converge, look
from slipway.errors import SlipwayError


class Turn(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known after a look: which entry stands, which bundle serves, and what hinders either, if anything does.

    `did` says that something was brought about; `offline` that the ledger is as it was when its remote last answered.
    """

    environment: str
    entry: int | None = None
    serving: str | None = None
    did: bool = False
    offline: str | None = None
    error: str | None = None


def follow(root: Path, environment: str, seconds: float, tell: Callable[[Turn], None]) -> None:
    """Converge every so many seconds until SIGTERM; `tell` hears each turn that differs from the one before.

    Whatever goes wrong is told once, and tried again. Work that SIGTERM cuts off is what a killed command leaves: the
    next `converge` mends it.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    mark = root / ".slipway" / "environments" / environment / "followed"
    # One that another process left says nothing of this one.
    mark.unlink(missing_ok=True)
    before = None
    while True:
        found = _turn(root, environment, first=before is None)
        if not found.error:
            _promise(mark, seconds)
        if found.did or found != before:
            tell(found)
        # What was done is done once; the next turn is measured by what came of it.
        before = msgspec.structs.replace(found, did=False)
        time.sleep(seconds)


def _promise(mark: Path, seconds: float) -> None:
    """Date the file to when the next turn is due, because this one went well; a health check sees how late that is."""
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    due = time.time() + seconds
    os.utime(mark, (due, due))


def line(found: Turn) -> str:
    """The turn in one line."""
    if found.error:
        return f"{found.environment}: {found.error} Trying again."
    serving = found.serving[:12] if found.serving else "nothing"
    said = f"{found.environment}: serves {serving} (entry {found.entry})"
    said += ", brought about and tested" if found.did else ", as the ledger says"
    return said + (f"; the ledger as it was last known: {found.offline}" if found.offline else "")


def _turn(root: Path, environment: str, first: bool) -> Turn:
    try:
        # What a killed command left aside is cleared by the first one; all others only look, most of the time.
        found = None if first else look(root, environment)
        found = found or converge(root, environment, lambda _: None)
    except (SlipwayError, OSError, psutil.Error) as error:
        return Turn(environment, error=str(error))
    serving = found.entry.serving.bundle if found.entry.serving else None
    return Turn(environment, found.entry.number, serving, found.did, found.offline)
