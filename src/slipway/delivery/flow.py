"""Deploy, promote, roll back, converge: one way into an environment, whatever sends a release there.

The order is: keep the bundle, rehearse it aside, switch, test, write the ledger. Until the ledger says so nothing has
happened: a run that dies in between leaves an environment that `converge` brings back to what the ledger says, and the
same command run again finishes the work, because every step does nothing where it is done already.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from slipway.delivery.local import LocalTarget
from slipway.delivery.release import choose, summary
from slipway.delivery.smoke import Smoke
from slipway.errors import DeliveryError, LedgerError, SettingsError
from slipway.ledger import Entry, Event, Ledger, Release, follow
from slipway.settings import project_settings

Say = Callable[[str], None]


class Delivered(msgspec.Struct, frozen=True):
    """What a command did: the entry that stands now, and what the last smoke test saw."""

    entry: Entry
    smoke: Smoke


def target_of(root: Path, environment: str) -> LocalTarget:
    """Where the environment runs, as pyproject.toml says; raises `SettingsError`."""
    known = project_settings(root).environments
    if environment not in known:
        raise SettingsError(
            f"pyproject.toml has no [tool.slipway.environments.{environment}]; it has {', '.join(known) or 'none'}. "
            "Name one of these, or add it with a port."
        )
    return LocalTarget(root, environment, known[environment])


def deploy(root: Path, environment: str, say: Say, base: str | None = None) -> Delivered:
    """Bring the release that the gate chooses into a first environment; raises `GateError` where it refuses."""
    if environment == "production":
        raise DeliveryError(
            "Nothing goes to production that has not passed staging: `slipway deploy staging`, then `slipway promote "
            "staging production`."
        )
    ledger = Ledger(root)
    newest = ledger.read(environment)
    say("gate: judging the candidate ...")
    release, found = choose(root, ledger, base)
    say(f"gate: {found.sentence}")
    bundle = root / "bundle" if release.bundle == found.candidate else _fetch(ledger, release, root)
    return _bring(root, ledger, newest, Event.DEPLOY, release, bundle, say, gate=summary(found))


def promote(root: Path, source: str, environment: str, say: Say) -> Delivered:
    """Bring what serves in `source`, and passed its test there, into `environment` by the same digest."""
    ledger = Ledger(root)
    before, newest = ledger.read(source), ledger.read(environment)
    if before.serving is None:
        raise DeliveryError(
            f"{source} serves nothing yet, so nothing can be promoted. `slipway deploy {source}` first."
        )
    _check_blocked(newest, before.serving)
    bundle = _fetch(ledger, before.serving, root)
    return _bring(root, ledger, newest, Event.PROMOTE, before.serving, bundle, say, gate=before.gate)


def rollback(root: Path, environment: str, reason: str, say: Say, to: int | None = None) -> Delivered:
    """Bring back the release that served before, or the one that served after entry `to`."""
    ledger = Ledger(root)
    newest = ledger.read(environment)
    release = _earlier(ledger, newest, to)
    bundle = _fetch(ledger, release, root)
    return _bring(root, ledger, newest, Event.ROLLBACK, release, bundle, say, reason=reason)


def converge(root: Path, environment: str, say: Say) -> tuple[Entry, Smoke | None]:
    """Make what runs equal what the ledger says; the entry, and the test where something had to be done."""
    ledger = Ledger(root)
    newest, target = ledger.read(environment), target_of(root, environment)
    wanted = newest.serving.bundle if newest.serving else None
    runs = target.observe()
    if runs == wanted:
        say(f"{environment}: runs what the ledger says")
        return newest, None
    if newest.serving is None:
        say(f"{environment}: ended, because the ledger says that nothing serves")
        target.remove()
        return newest, None
    say(f"{environment}: runs {(runs or 'nothing')[:12]}, the ledger says {newest.serving.bundle[:12]} ...")
    target.check()
    return newest, target.apply(target.keep(_fetch(ledger, newest.serving, root)))


def _bring(
    root: Path,
    ledger: Ledger,
    newest: Entry,
    event: Event,
    release: Release,
    folder: Path,
    say: Say,
    reason: str = "",
    gate: dict[str, Any] | None = None,
) -> Delivered:
    """All steps in their order; on failure what served before serves again, and the ledger says what happened."""
    environment = newest.environment
    target = target_of(root, environment)
    target.check()
    bundle = target.keep(folder)
    try:
        say(f"{environment}: rehearsing {bundle.digest[:12]} aside ...")
        target.rehearse(bundle)
        say(f"{environment}: switching ...")
        found = target.apply(bundle)
    except DeliveryError as error:
        _back(root, ledger, newest, say)
        ledger.append(environment, _following(ledger, newest, Event.FAILED, release, str(error)), folder)
        raise DeliveryError(f"{error} {_what_serves(newest)} The ledger of {environment} says failed.") from error
    try:
        entry = ledger.append(environment, _following(ledger, newest, event, release, reason, gate), folder)
    except (LedgerError, DeliveryError):
        _back(root, ledger, newest, say)
        raise
    return Delivered(entry, found)


def _following(
    ledger: Ledger, newest: Entry, event: Event, release: Release, reason: str, gate: dict[str, Any] | None = None
) -> Callable[[Entry], Entry]:
    def make(now: Entry) -> Entry:
        if now.number != newest.number:
            raise DeliveryError(
                f"{now.by} was faster: entry {now.number} of {now.environment} ({now.event}) was written meanwhile. "
                f"Nothing of yours stands. Look at `slipway history {now.environment}`, and try again."
            )
        return follow(now, event, by=ledger.by, reason=reason, release=release, gate=gate)

    return make


def _back(root: Path, ledger: Ledger, newest: Entry, say: Say) -> None:
    """Let what the ledger says serve again."""
    target = target_of(root, newest.environment)
    if newest.serving is None:
        target.remove()
        return
    say(f"{newest.environment}: back to {newest.serving.bundle[:12]} ...")
    target.apply(target.keep(_fetch(ledger, newest.serving, root)))


def _what_serves(newest: Entry) -> str:
    if newest.serving is None:
        return "Nothing serves, as before."
    return f"The release before, {newest.serving.bundle[:12]}, serves."


def _earlier(ledger: Ledger, newest: Entry, to: int | None) -> Release:
    serving = newest.serving.bundle if newest.serving else None
    for entry in ledger.history(newest.environment):
        found = entry.serving
        if found is None or (to is not None and entry.number != to):
            continue
        if to is not None or (found.bundle != serving and found.bundle not in newest.blocked):
            _check_blocked(newest, found)
            return found
    wanted = f"entry {to}, in which a release serves," if to is not None else "another release that served before"
    raise DeliveryError(
        f"There is nothing to go back to: expected {wanted} in `slipway history {newest.environment}`, found none."
    )


def _check_blocked(newest: Entry, release: Release) -> None:
    number = newest.blocked.get(release.bundle)
    if number is not None:
        raise DeliveryError(
            f"The bundle {release.bundle[:12]} is blocked in {newest.environment} by entry {number}: it was rolled "
            f"back or failed. `slipway ledger unblock {newest.environment} {release.bundle} --reason ...` lets it back."
        )


def _fetch(ledger: Ledger, release: Release, root: Path) -> Path:
    place = root / ".slipway" / "bundles"
    place.mkdir(parents=True, exist_ok=True)
    return ledger.fetch_bundle(release.bundle, place)
