"""Roll a release out: rehearse, switch, test, write the ledger; on failure the release before serves again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psutil

from slipway.bundle.verify import read_sealed
from slipway.delivery.attestation import verify_attestation
from slipway.delivery.signature import verify_signature
from slipway.delivery.smoke_test import Smoke
from slipway.delivery.targets.base import PreparedRelease, Target
from slipway.delivery.targets.registry import find_target, lock_environment
from slipway.errors import BundleError, DeliveryError, LedgerError
from slipway.ledger import Entry, Event, Ledger, Release, next_entry
from slipway.settings import ProjectSettings, attesting_repository, project_settings
from slipway.tracking.aliases import mirror_alias

Say = Callable[[str], None]
# A target's own errors, a damaged bundle, a full disk, a process that ended meanwhile.
ROLLOUT_ERRORS = (DeliveryError, BundleError, OSError, psutil.Error)


class OpenEnvironment(NamedTuple):
    """An environment that this command has locked, with the settings of the project, which are read once."""

    settings: ProjectSettings
    ledger: Ledger
    target: Target
    say: Say


class Delivered(msgspec.Struct, frozen=True):
    """The result of a command: the newest entry of the environment, and the last smoke test.

    `alias` is the registered version that MLflow's alias names now; None where it has none, or could not be set.
    """

    entry: Entry
    smoke: Smoke
    alias: str | None


class Change(msgspec.Struct, frozen=True):
    """The release that is to serve, and the other fields of its entry.

    `bundle` is the folder of its bundle, None if the ledger has it. `unverified`: a person wants its image although
    it is unsigned.
    """

    event: Event
    release: Release
    bundle: Path | None = None
    reason: str = ""
    gate: dict[str, Any] | None = None
    unverified: bool = False


@contextmanager
def open_environment(
    root: Path, environment: str, say: Say, settings: ProjectSettings | None = None
) -> Iterator[OpenEnvironment]:
    """Lock an environment of the project at `root` and clean up after killed commands."""
    settings = settings or project_settings(root)
    target = find_target(root, environment, settings)
    with lock_environment(root, environment, say), target.lock(say):
        target.clean_up()
        yield OpenEnvironment(settings, Ledger(root, settings), target, say)


def roll_out(held: OpenEnvironment, newest: Entry, change: Change) -> Delivered:
    """Take every step in order; on failure the release before serves again, and the ledger records the failure."""
    target, release, environment = held.target, change.release, newest.environment
    target.preflight()
    if change.event is not Event.ROLLBACK:
        target.preflight_new_release()
    if newest.serving and not target.is_managed_here():
        raise DeliveryError(
            f"{environment} does not run from this folder, so a change here would have no effect. Run this where it "
            f"runs, or start it here first: `slipway reconcile {environment}`."
        )
    prepared = prepare_release(held, release, change.bundle, accepted=release if change.unverified else None)
    # A workflow that runs again has another MLflow run.
    same = newest.serving and (newest.serving.artifact, newest.serving.commit) == (release.artifact, release.commit)
    if same and find_difference(target, release) is None:
        held.say(f"{environment}: serves {release.bundle[:12]} already")
        return _mirror(newest, target.smoke_test(prepared))
    try:
        held.say(f"{environment}: rehearsing {release.bundle[:12]} ...")
        target.rehearse(prepared)
    except ROLLOUT_ERRORS as error:
        # Nothing was changed, so nothing is restored: with today's settings the release before might not start again.
        raise _record_failure(held, change, f"{error} {_describe_serving(newest)}") from error
    try:
        held.say(f"{environment}: switching ...")
        smoke = target.apply(prepared)
    except ROLLOUT_ERRORS as error:
        raise _record_failure(held, change, f"{error} {_go_back(held, newest)}") from error
    try:
        entry = held.ledger.append(environment, lambda now: _make_entry(held, newest, now, change), change.bundle)
    except (LedgerError, DeliveryError) as error:
        raise type(error)(f"{error} {_go_back(held, newest)}") from error
    return _mirror(entry, smoke)


def complete_rollout(held: OpenEnvironment, newest: Entry, unverified: bool = False) -> Delivered:
    """Let the environment serve what its newest entry says, where the command that wrote it did not end; test it."""
    serving = newest.serving
    if serving is None:
        raise DeliveryError(f"{newest.environment} serves nothing, as entry {newest.number} says.")
    prepared = prepare_release(held, serving, accepted=serving if unverified else None)
    if find_difference(held.target, serving) is None:
        return _mirror(newest, held.target.smoke_test(prepared))
    held.target.preflight()
    return _mirror(newest, held.target.apply(prepared))


def restore_release(held: OpenEnvironment, newest: Entry, accepted: Release | None = None) -> Smoke | None:
    """Make the environment serve what `newest` says, and test it; return None where nothing is to serve.

    The signature of a release that was `accepted` is not verified again: it served until now.
    """
    if newest.serving is None:
        held.target.remove()
        return None
    held.target.preflight()
    return held.target.apply(prepare_release(held, newest.serving, accepted=accepted))


def prepare_release(
    held: OpenEnvironment, release: Release, folder: Path | None = None, accepted: Release | None = None
) -> PreparedRelease:
    """Prepare a release in the target, with the bundle in `folder` (None: of the ledger).

    The bundle is only hashed: a process with the rights to deliver runs no code of one. Signature and attestation of
    its image are verified, unless it was `accepted` before.
    """
    if folder is None:
        bundles = held.ledger.root / ".slipway" / "bundles"
        bundles.mkdir(parents=True, exist_ok=True)
        folder = held.ledger.fetch_bundle(release.bundle, bundles)
    if held.target.by_image and not (accepted and accepted.image == release.image):
        verify_attestation(attesting_repository(), release.image)
        verify_signature(held.ledger.root, held.settings.signature, release.image)
    return held.target.prepare(read_sealed(folder, release.bundle), release.image)


def find_difference(target: Target, serving: Release | None) -> str | None:
    """Return how the environment differs from one in which `serving` (None: nothing) serves; None if it does not."""
    return target.out_of_sync(serving.bundle, serving.image) if serving else target.out_of_sync(None)


def _mirror(entry: Entry, smoke: Smoke) -> Delivered:
    return Delivered(entry, smoke, entry.serving.model if entry.serving and mirror_alias(entry) else None)


def _record_failure(held: OpenEnvironment, change: Change, failure: str) -> DeliveryError:
    """Record in the ledger that the release failed; return the error to raise."""
    environment = held.target.name
    # A rollback that failed blocks nothing: its release served before.
    fields: dict[str, Any] = {"release": change.release, "blocks": change.event is not Event.ROLLBACK}
    fields |= {"by": held.ledger.by, "reason": failure, "target": held.target.kind}
    try:
        held.ledger.append(environment, lambda now: next_entry(now, Event.FAILED, **fields), change.bundle)
    except LedgerError as error:
        return DeliveryError(f"{failure} The failure could not be recorded in the ledger of {environment}: {error}")
    return DeliveryError(f"{failure} The ledger of {environment} says failed.")


def _make_entry(held: OpenEnvironment, newest: Entry, now: Entry, change: Change) -> Entry:
    """Return the entry of a change that was made, unless another command wrote one since `newest`."""
    check_no_conflict(newest, now, change.event, "running, so it was not recorded.")
    fields: dict[str, Any] = {"reason": change.reason, "release": change.release, "gate": change.gate}
    return next_entry(now, change.event, by=held.ledger.by, target=held.target.kind, **fields)


def check_no_conflict(seen: Entry, newest: Entry, event: Event, consequence: str) -> None:
    """Raise `DeliveryError`, with the consequence, for an operation on an entry that is no longer the newest."""
    if newest.number != seen.number:
        raise DeliveryError(
            f"Conflict: entry {newest.number} ({newest.event}) was written by {newest.by} while this {event} was "
            f"{consequence} See `slipway history {newest.environment}`, then retry."
        )


def _go_back(held: OpenEnvironment, before: Entry) -> str:
    """Restore what the ledger says by now, mostly what served `before`; return a sentence on what serves."""
    environment, ledger = held.target.name, held.ledger
    held.say(f"{environment}: back to what the ledger says ...")
    try:
        ledger.refresh()
        newest = ledger.read(environment)
        restore_release(held, newest, accepted=before.serving)
    except (*ROLLOUT_ERRORS, LedgerError) as error:
        return f"The release before could not be brought back ({error}); `slipway reconcile {environment}` tries again."
    if ledger.offline:
        return f"{_describe_serving(newest)} The ledger may be newer: {ledger.offline}"
    return _describe_serving(newest)


def _describe_serving(newest: Entry) -> str:
    if newest.serving is None:
        return "Nothing serves, as before."
    return f"The release {newest.serving.bundle[:12]} serves, as the ledger says."
