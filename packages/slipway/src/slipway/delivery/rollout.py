"""The steps that bring a release into an environment, in their order, and the way back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil

from slipway.delivery.signature import verify_signature
from slipway.delivery.smoke_test import Smoke
from slipway.delivery.targets.base import PreparedRelease, Target
from slipway.errors import BundleError, DeliveryError, LedgerError
from slipway.ledger import Entry, Event, Ledger, Release, next_entry

Say = Callable[[str], None]
# What a target may meet: its own errors, a bundle that is damaged, a full disk, a process that ended meanwhile.
TROUBLE = (DeliveryError, BundleError, OSError, psutil.Error)


class Delivered(msgspec.Struct, frozen=True):
    """What a command did: the entry that stands now, and what the last smoke test saw."""

    entry: Entry
    smoke: Smoke


class Change(msgspec.Struct, frozen=True):
    """What is to serve, and what the ledger will say of it; `bundle` is the folder of the release's bundle."""

    event: Event
    release: Release
    bundle: Path
    reason: str = ""
    gate: dict[str, Any] | None = None


def roll_out(ledger: Ledger, target: Target, newest: Entry, change: Change, say: Say) -> Delivered:
    """All steps in their order; on failure what served before serves again, and the ledger says what happened."""
    environment, release = newest.environment, change.release
    target.preflight()
    if change.event is not Event.ROLLBACK:
        target.preflight_new_release()
    if newest.serving and not target.is_managed_here():
        raise DeliveryError(
            f"{environment} does not run from this folder, so a change here would reach nobody. Do it where it runs; "
            f"or bring it here first: `slipway converge {environment}`."
        )
    prepared = _have(ledger, target, change.bundle, release)
    short = release.bundle[:12]
    same = newest.serving is not None and _identity(release) == _identity(newest.serving)
    if same and find_difference(target, release) is None:
        say(f"{environment}: serves {short} already")
        return Delivered(newest, target.smoke_test(prepared))
    try:
        say(f"{environment}: rehearsing {short} aside ...")
        target.rehearse(prepared)
    except TROUBLE as error:
        # Nothing was touched, and nothing is: what serves might not start again with the settings of today.
        raise _failed(ledger, target, change, f"{error} {_what_serves(newest)}") from error
    try:
        say(f"{environment}: switching ...")
        found = target.apply(prepared)
    except TROUBLE as error:
        raise _failed(ledger, target, change, f"{error} {_back(ledger, target, newest, say)}") from error
    try:
        entry = ledger.append(environment, lambda now: _next(ledger, target, newest, now, change), change.bundle)
    except (LedgerError, DeliveryError) as error:
        raise type(error)(f"{error} {_back(ledger, target, newest, say)}") from error
    return Delivered(entry, found)


def _failed(ledger: Ledger, target: Target, change: Change, failure: str) -> DeliveryError:
    """Write into the ledger that the release failed; the error to raise."""
    fields: dict[str, Any] = {"by": ledger.by, "reason": failure, "release": change.release, "target": target.kind}
    # A release that served already is none the worse for a way back that failed.
    fields["blocks"] = change.event is not Event.ROLLBACK
    try:
        ledger.append(target.name, lambda now: next_entry(now, Event.FAILED, **fields), change.bundle)
    except LedgerError as error:
        return DeliveryError(f"{failure} The ledger of {target.name} does not say so: {error}")
    return DeliveryError(f"{failure} The ledger of {target.name} says failed.")


def _next(ledger: Ledger, target: Target, newest: Entry, now: Entry, change: Change) -> Entry:
    """The entry of a change that came about, unless somebody else wrote one since `newest`."""
    if now.number != newest.number:
        raise DeliveryError(
            f"{now.by} was faster: entry {now.number} of {now.environment} ({now.event}) was written meanwhile. "
            f"Nothing of yours stands. Look at `slipway history {now.environment}`, and try again."
        )
    return next_entry(
        now,
        change.event,
        by=ledger.by,
        reason=change.reason,
        release=change.release,
        gate=change.gate,
        target=target.kind,
    )


def _back(ledger: Ledger, target: Target, before: Entry, say: Say) -> str:
    """Let what the ledger says by now serve again, mostly what served `before`; a sentence on what serves."""
    say(f"{target.name}: back to what the ledger says ...")
    try:
        ledger.refresh()
        newest = ledger.read(target.name)
        restore_release(ledger, target, newest, accepted=before.serving)
    except (*TROUBLE, LedgerError) as error:
        return f"What served before could not be brought back ({error}); `slipway converge {target.name}` tries again."
    if ledger.offline:
        return f"{_what_serves(newest)} As far as is known here: {ledger.offline}"
    return _what_serves(newest)


def _what_serves(newest: Entry) -> str:
    if newest.serving is None:
        return "Nothing serves, as before."
    return f"The release {newest.serving.bundle[:12]} serves, as the ledger says."


def restore_release(ledger: Ledger, target: Target, newest: Entry, accepted: Release | None = None) -> Smoke | None:
    """Bring about what `newest` says, and test it; None where nothing serves.

    A release that was `accepted` is not asked for its signature again: it served until now.
    """
    if newest.serving is None:
        target.remove()
        return None
    target.preflight()
    return target.apply(prepare_release(ledger, target, newest.serving, accepted))


def find_difference(target: Target, serving: Release | None) -> str | None:
    """What is not as it is where `serving` serves (None: where nothing does); None if all is."""
    return target.out_of_sync(serving.bundle, serving.image) if serving else target.out_of_sync(None)


def _identity(release: Release) -> tuple[str | None, ...]:
    """What makes two releases one: a workflow that runs again has another MLflow run."""
    return release.bundle, release.image, release.commit


def prepare_release(
    ledger: Ledger, target: Target, release: Release, accepted: Release | None = None
) -> PreparedRelease:
    """Have a release of the ledger at hand in the target, whose image is signed unless it was `accepted` before."""
    return _have(ledger, target, fetch_release(ledger, release), release, accepted)


def _have(
    ledger: Ledger, target: Target, bundle: Path, release: Release, accepted: Release | None = None
) -> PreparedRelease:
    if target.by_image and not (accepted and accepted.image == release.image):
        verify_signature(ledger.root, release.image)
    return target.prepare(bundle, release.image)


def fetch_release(ledger: Ledger, release: Release) -> Path:
    """The folder of the release's bundle, verified, from the ledger."""
    place = ledger.root / ".slipway" / "bundles"
    place.mkdir(parents=True, exist_ok=True)
    return ledger.fetch_bundle(release.bundle, place)
