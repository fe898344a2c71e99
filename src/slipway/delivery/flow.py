"""Deploy, promote, roll back, converge: one way into an environment, whatever sends a release there.

The order is: keep the bundle, rehearse it aside, switch, test, write the ledger. Until the ledger says so nothing has
happened: a run that dies in between leaves an environment that `converge` brings back to what the ledger says, and the
same command run again finishes the work, because every step does nothing where it is done already. One command at a
time holds an environment of this project on this machine; between machines the ledger decides who was first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway.delivery.local import LocalTarget
from slipway.delivery.lock import alone
from slipway.delivery.rehearsal import RehearsalTarget
from slipway.delivery.release import BUNDLE, choose, read_chosen
from slipway.delivery.request import check_request
from slipway.delivery.smoke import Smoke
from slipway.delivery.steps import Change, Delivered, Say, bring, fetch, keep, restore
from slipway.delivery.target import Target
from slipway.errors import DeliveryError, SettingsError
from slipway.ledger import Entry, Event, Ledger, Release
from slipway.settings import project_settings


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
        change = Change(Event.DEPLOY, found.release, folder / BUNDLE, gate=found.gate)
        return bring(ledger, target, newest, change, say)


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
        change = Change(Event.PROMOTE, release, fetch(ledger, release), gate=before.gate)
        return bring(ledger, target, newest, change, say)


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
        change = Change(Event.ROLLBACK, release, fetch(ledger, release), reason)
        return bring(ledger, target, newest, change, say)


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
            target.rehearse(keep(ledger, target, newest.serving))
        return newest, restore(ledger, target, newest)


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
