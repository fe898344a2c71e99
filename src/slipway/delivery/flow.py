"""Deploy, promote, roll back, converge: one way into an environment, whatever sends a release there.

The order is: keep the bundle, rehearse it aside, switch, test, write the ledger. Until the ledger says so nothing has
happened: a run that dies in between leaves an environment that `converge` brings back to what the ledger says, and the
same command run again finishes the work, because every step does nothing where it is done already. One command at a
time holds an environment of this project on this machine; between machines the ledger decides who was first.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from slipway.delivery.local import LocalTarget
from slipway.delivery.lock import alone
from slipway.delivery.rehearsal import RehearsalTarget
from slipway.delivery.release import BUNDLE, choose, read_chosen
from slipway.delivery.request import check_request
from slipway.delivery.smoke import Smoke
from slipway.delivery.target import Kept, Target
from slipway.errors import BundleError, DeliveryError, LedgerError, SettingsError
from slipway.ledger import Entry, Event, Ledger, Release, follow
from slipway.settings import project_settings

Say = Callable[[str], None]


class Delivered(msgspec.Struct, frozen=True):
    """What a command did: the entry that stands now, and what the last smoke test saw."""

    entry: Entry
    smoke: Smoke


class _Change(msgspec.Struct, frozen=True):
    """What is to serve, and what the ledger will say of it; `bundle` is the folder of the release's bundle."""

    event: Event
    release: Release
    bundle: Path
    reason: str = ""
    gate: dict[str, Any] | None = None


def target_of(root: Path, environment: str) -> Target:
    """Where the environment runs, as pyproject.toml says; raises `SettingsError`."""
    known = project_settings(root).environments
    if environment not in known:
        raise SettingsError(
            f"pyproject.toml has no [tool.slipway.environments.{environment}]; it has {', '.join(known) or 'none'}. "
            "Name one of these, or add it with a port."
        )
    settings = known[environment]
    if settings.target == RehearsalTarget.kind:
        return RehearsalTarget(root, environment, settings)
    return LocalTarget(root, environment, settings)


def deploy(root: Path, environment: str, say: Say, base: str | None = None, chosen: Path | None = None) -> Delivered:
    """Bring the release that the gate chooses into a first environment; raises `GateError` where it refuses.

    `chosen` is a folder that `choose` wrote: the gate has judged then.
    """
    if environment == "production":
        raise DeliveryError(
            "Nothing goes to production that has not passed staging: `slipway deploy staging`, then `slipway promote "
            "staging production`."
        )
    with _holding(root, environment, say) as target:
        ledger = Ledger(root)
        newest = ledger.read(environment)
        folder = chosen or choose(root, ledger, root / ".slipway" / "chosen", say, base)
        found = read_chosen(folder)
        _check_blocked(newest, found.release)
        change = _Change(Event.DEPLOY, found.release, folder / BUNDLE, gate=found.gate)
        return _bring(ledger, target, newest, change, say)


def promote(root: Path, source: str, environment: str, say: Say, requested: Path | None = None) -> Delivered:
    """Bring what serves in `source`, and passed its test there, into `environment` by the same digest.

    Where a file says what was `requested`, it must be exactly that.
    """
    with _holding(root, environment, say) as target:
        ledger = Ledger(root)
        before, newest = ledger.read(source), ledger.read(environment)
        release = served(before)
        if requested:
            check_request(requested, release)
        _check_blocked(newest, release)
        change = _Change(Event.PROMOTE, release, _fetch(ledger, release), gate=before.gate)
        return _bring(ledger, target, newest, change, say)


def served(entry: Entry) -> Release:
    """What serves after `entry`, to be promoted from there."""
    if entry.serving is None:
        raise DeliveryError(
            f"{entry.environment} serves nothing yet, so nothing can be promoted. `slipway deploy {entry.environment}` "
            "first."
        )
    return entry.serving


def rollback(root: Path, environment: str, reason: str, say: Say, to: int | None = None) -> Delivered:
    """Bring back the release that served before, or the one that served after entry `to`."""
    with _holding(root, environment, say) as target:
        ledger = Ledger(root)
        newest = ledger.read(environment)
        release = _earlier(ledger, newest, to)
        change = _Change(Event.ROLLBACK, release, _fetch(ledger, release), reason)
        return _bring(ledger, target, newest, change, say)


def converge(root: Path, environment: str, say: Say) -> tuple[Entry, Smoke | None]:
    """Make what runs equal what the ledger says; the entry, and the test where something had to be done."""
    with _holding(root, environment, say) as target:
        ledger = Ledger(root)
        newest = ledger.read(environment)
        differs = target.differs(newest.serving.bundle if newest.serving else None)
        if differs is None:
            found = "nothing runs after a rehearsal" if target.rehearsal else "runs what the ledger says"
            say(f"{environment}: {found}")
            return newest, None
        say(f"{environment}: {differs} ...")
        if newest.serving and target.observe():
            # What answers may be ended for the sake of what would not start.
            target.check()
            target.rehearse(_keep(ledger, target, newest.serving))
        return newest, _restore(ledger, target, newest)


def stop(root: Path, environment: str, say: Say) -> bool:
    """End the environment's service; False if none ran."""
    with _holding(root, environment, say) as target:
        return target.remove()


@contextmanager
def _holding(root: Path, environment: str, say: Say) -> Iterator[Target]:
    """The environment's target, for this command alone, without what a killed one left aside."""
    target = target_of(root, environment)
    with alone(root, environment, say):
        target.clear()
        yield target


def _bring(ledger: Ledger, target: Target, newest: Entry, change: _Change, say: Say) -> Delivered:
    """All steps in their order; on failure what served before serves again, and the ledger says what happened."""
    environment, release = newest.environment, change.release
    target.check()
    kept = target.keep(change.bundle, release.image)
    short = release.bundle[:12]
    if newest.serving and _identity(release) == _identity(newest.serving) and target.differs(release.bundle) is None:
        say(f"{environment}: serves {short} already")
        return Delivered(newest, target.test(kept))
    try:
        say(f"{environment}: rehearsing {short} aside ...")
        target.rehearse(kept)
    except DeliveryError as error:
        # Nothing was touched, and nothing is: what serves might not start again with the settings of today.
        raise _failed(ledger, target, change, f"{error} {_what_serves(newest)}") from error
    try:
        say(f"{environment}: switching ...")
        found = target.apply(kept)
    except DeliveryError as error:
        raise _failed(ledger, target, change, f"{error} {_back(ledger, target, say)}") from error
    try:
        entry = ledger.append(environment, lambda now: _next(ledger, target, newest, now, change), change.bundle)
    except (LedgerError, DeliveryError) as error:
        raise type(error)(f"{error} {_back(ledger, target, say)}") from error
    return Delivered(entry, found)


def _failed(ledger: Ledger, target: Target, change: _Change, failure: str) -> DeliveryError:
    """Write into the ledger that the release failed; the error to raise."""
    fields: dict[str, Any] = {"by": ledger.by, "reason": failure, "release": change.release, "target": target.kind}
    ledger.append(target.name, lambda now: follow(now, Event.FAILED, **fields), change.bundle)
    return DeliveryError(f"{failure} The ledger of {target.name} says failed.")


def _next(ledger: Ledger, target: Target, newest: Entry, now: Entry, change: _Change) -> Entry:
    """The entry of a change that came about, unless somebody else wrote one since `newest`."""
    if now.number != newest.number:
        raise DeliveryError(
            f"{now.by} was faster: entry {now.number} of {now.environment} ({now.event}) was written meanwhile. "
            f"Nothing of yours stands. Look at `slipway history {now.environment}`, and try again."
        )
    return follow(
        now,
        change.event,
        by=ledger.by,
        reason=change.reason,
        release=change.release,
        gate=change.gate,
        target=target.kind,
    )


def _back(ledger: Ledger, target: Target, say: Say) -> str:
    """Let what the ledger says by now serve again; a sentence on what serves."""
    say(f"{target.name}: back to what the ledger says ...")
    try:
        ledger.refresh()
        newest = ledger.read(target.name)
        _restore(ledger, target, newest)
    except (DeliveryError, LedgerError, BundleError) as error:
        return f"What served before could not be brought back ({error}); `slipway converge {target.name}` tries again."
    return _what_serves(newest)


def _what_serves(newest: Entry) -> str:
    if newest.serving is None:
        return "Nothing serves, as before."
    return f"The release {newest.serving.bundle[:12]} serves, as the ledger says."


def _restore(ledger: Ledger, target: Target, newest: Entry) -> Smoke | None:
    """Bring about what `newest` says, and test it; None where nothing serves."""
    if newest.serving is None:
        target.remove()
        return None
    target.check()
    return target.apply(_keep(ledger, target, newest.serving))


def _earlier(ledger: Ledger, newest: Entry, to: int | None) -> Release:
    serving = _runs(newest.serving) if newest.serving else None
    for entry in ledger.history(newest.environment):
        found = entry.serving
        if found is None or (to is not None and entry.number != to):
            continue
        if to is not None or (_runs(found) != serving and found.bundle not in newest.blocked):
            _check_blocked(newest, found)
            return found
    wanted = f"entry {to}, in which a release serves," if to is not None else "another release that served before"
    raise DeliveryError(
        f"There is nothing to go back to: expected {wanted} in `slipway history {newest.environment}`, found none."
    )


def _runs(release: Release) -> tuple[str, str | None]:
    """What of a release runs: the same model in the image of an earlier commit is another one."""
    return release.bundle, release.image


def _check_blocked(newest: Entry, release: Release) -> None:
    number = newest.blocked.get(release.bundle)
    if number is not None:
        raise DeliveryError(
            f"The bundle {release.bundle[:12]} is blocked in {newest.environment} by entry {number}: it was rolled "
            f"back or failed. `slipway ledger unblock {newest.environment} {release.bundle} --reason ...` lets it back."
        )


def _identity(release: Release) -> tuple[str | None, ...]:
    """What makes two releases one: a workflow that runs again has another MLflow run."""
    return release.bundle, release.image, release.commit


def _keep(ledger: Ledger, target: Target, release: Release) -> Kept:
    return target.keep(_fetch(ledger, release), release.image)


def _fetch(ledger: Ledger, release: Release) -> Path:
    place = ledger.root / ".slipway" / "bundles"
    place.mkdir(parents=True, exist_ok=True)
    return ledger.fetch_bundle(release.bundle, place)
