"""Reconcile an environment with the ledger, once or again and again; nothing is judged or chosen here."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

from slipway.delivery.rollout import Say, find_difference, open_environment, prepare_release, restore_release
from slipway.delivery.smoke_test import Smoke
from slipway.delivery.targets.registry import find_target
from slipway.errors import SlipwayError
from slipway.ledger import Entry, Ledger
from slipway.settings import environment_folder, project_settings
from slipway.tracking.aliases import mirror_alias


class Reconciled(NamedTuple):
    """The entry that the environment agrees with, and the smoke test of a release that was started.

    `changed` is true after a change; `offline` says why the ledger's remote was not asked, where it was not: the entry
    is then the last one known.
    """

    entry: Entry
    smoke: Smoke | None
    changed: bool
    offline: str | None


class Turn(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one look: the entry that stands, the bundle that serves, and the error, if there was one.

    `changed` is true after a change; `offline` says that the ledger is as it was when its remote was last reached.
    """

    environment: str
    entry: int | None = None
    serving: str | None = None
    changed: bool = False
    offline: str | None = None
    error: str | None = None


def find_in_sync(root: Path, environment: str) -> Reconciled | None:
    """Return the entry that the environment agrees with, None if it is out of sync or another command changes it."""
    settings = project_settings(root)
    ledger = Ledger(root, settings)
    newest = ledger.read(environment)
    difference = find_difference(find_target(root, environment, settings), newest.serving)
    return None if difference else Reconciled(newest, None, False, ledger.offline)


def reconcile(root: Path, environment: str, say: Say) -> Reconciled:
    """Make the environment serve the release that the ledger names, and MLflow's alias name it."""
    found = _reconcile(root, environment, say)
    mirror_alias(found.entry)
    return found


def stop_service(root: Path, environment: str, say: Say) -> bool:
    """Stop the environment's service; return False if none ran."""
    with open_environment(root, environment, say) as held:
        return held.target.remove()


def follow_ledger(root: Path, environment: str, seconds: float, tell: Callable[[Turn], None]) -> None:
    """Reconcile every so many seconds until SIGTERM; `tell` gets each turn that differs from the one before.

    An error is told once, and the next turn tries again. SIGTERM may leave a change unfinished; the next `reconcile`
    completes it.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    mark = environment_folder(root, environment) / "followed"
    # The mark of another process says nothing about this one.
    mark.unlink(missing_ok=True)
    before = None
    while True:
        turn = _take_turn(root, environment, first=before is None)
        if not turn.error:
            # Dated to when the next turn is due; a health check sees how late that is.
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
            os.utime(mark, (time.time() + seconds,) * 2)
        if turn.changed or turn != before:
            tell(turn)
        # A change happens once; the next turn is compared with its result.
        before = msgspec.structs.replace(turn, changed=False)
        time.sleep(seconds)


def describe_turn(turn: Turn) -> str:
    """Return the turn in one line."""
    if turn.error:
        return f"{turn.environment}: {turn.error} Trying again."
    state = "started and tested" if turn.changed else "in sync with the ledger"
    aside = f"; the ledger as it was last known: {turn.offline}" if turn.offline else ""
    return f"{turn.environment}: serves {(turn.serving or 'nothing')[:12]} (entry {turn.entry}), {state}{aside}"


def _reconcile(root: Path, environment: str, say: Say) -> Reconciled:
    with open_environment(root, environment, say) as held:
        target, ledger = held.target, held.ledger
        newest = ledger.read(environment)
        difference = find_difference(target, newest.serving)
        if difference is None:
            state = "nothing runs after a rehearsal" if target.rehearsal else "in sync with the ledger"
            say(f"{environment}: {state}")
            return Reconciled(newest, None, False, ledger.offline)
        say(f"{environment}: {difference} ...")
        if newest.serving and target.is_running():
            # The service that runs must not be ended for a release that would not start.
            target.preflight()
            target.rehearse(prepare_release(held, newest.serving))
        return Reconciled(newest, restore_release(held, newest), True, ledger.offline)


def _take_turn(root: Path, environment: str, first: bool) -> Turn:
    try:
        # The first turn removes what a killed command left; all others mostly find nothing to do.
        found = None if first else find_in_sync(root, environment)
        found = found or _reconcile(root, environment, lambda _: None)
    except (SlipwayError, OSError, psutil.Error) as error:
        return Turn(environment, error=str(error))
    serving = found.entry.serving.bundle if found.entry.serving else None
    return Turn(environment, found.entry.number, serving, found.changed, found.offline)
