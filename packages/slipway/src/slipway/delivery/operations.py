"""Deploy, promote, roll back: one way into an environment, whatever sends a release there.

The order is: keep the bundle, rehearse it aside, switch, test, write the ledger. Until the ledger says so nothing has
happened: a run that dies in between leaves an environment that `converge` brings back to what the ledger says, and the
same command run again finishes the work, because every step does nothing where it is done already. One command at a
time holds an environment of this clone, or of an engine; besides that the ledger decides who was first.
"""

from itertools import pairwise
from pathlib import Path

from slipway.delivery.release import BUNDLE, check_judged, choose_release, read_chosen
from slipway.delivery.request import check_request
from slipway.delivery.rollout import Change, Delivered, Say, fetch_release, roll_out
from slipway.delivery.targets.registry import lock_target
from slipway.errors import DeliveryError
from slipway.git import Git
from slipway.ledger import Entry, Event, Ledger, Release


def deploy(root: Path, environment: str, say: Say, base: str | None = None, chosen: Path | None = None) -> Delivered:
    """Bring the release that the gate chooses into a first environment; raises `GateError` where it refuses.

    `chosen` is a folder that `choose` wrote: the gate has judged then.
    """
    if environment == "production":
        raise DeliveryError(
            "Nothing goes to production that has not passed staging: `slipway deploy staging`, then `slipway promote "
            "staging production`."
        )
    with lock_target(root, environment, say) as target:
        ledger = Ledger(root)
        newest = ledger.read(environment)
        folder = chosen or choose_release(root, ledger, root / ".slipway" / "chosen", say, base)
        found = read_chosen(folder)
        _check_blocked(newest, found.release)
        if chosen:
            _check_order(root, newest, found.release, say)
        change = Change(Event.DEPLOY, found.release, folder / BUNDLE, gate=found.gate)
        return roll_out(ledger, target, newest, change, say)


def promote(
    root: Path,
    source: str,
    environment: str,
    say: Say,
    requested: Path | None = None,
    chosen: Path | None = None,
) -> Delivered:
    """Bring what serves in `source`, and passed its test there, into `environment` by the same digest.

    Where a file says what was `requested`, or a folder what was `chosen`, it must be exactly that.
    """
    with lock_target(root, environment, say) as target:
        ledger = Ledger(root)
        before, newest = ledger.read(source), ledger.read(environment)
        release = require_serving(before)
        if requested:
            check_request(requested, release)
        if chosen:
            _check_chosen(read_chosen(chosen).release, source, release)
        _check_blocked(newest, release)
        if target.by_image:
            _check_taken_back(ledger, newest, release)
        if chosen:
            check_judged(read_chosen(chosen), ledger, environment)
        change = Change(Event.PROMOTE, release, fetch_release(ledger, release), gate=before.gate)
        return roll_out(ledger, target, newest, change, say)


def require_serving(entry: Entry) -> Release:
    """What serves after `entry`, to be promoted from there."""
    if entry.serving is None:
        raise DeliveryError(
            f"{entry.environment} serves nothing yet, so nothing can be promoted. `slipway deploy {entry.environment}` "
            "first."
        )
    return entry.serving


def rollback(root: Path, environment: str, reason: str, say: Say, to: int | None = None) -> Delivered:
    """Bring back the release that served before, or the one that served after entry `to`."""
    seen = Ledger(root).read(environment)
    with lock_target(root, environment, say) as target:
        ledger = Ledger(root)
        newest = ledger.read(environment)
        if newest.number != seen.number:
            # Going back twice because two people saw the same fault would go one release too far.
            raise DeliveryError(
                f"{newest.by} was faster: entry {newest.number} of {environment} ({newest.event}) was written "
                f"meanwhile, and nothing was done. Look at `slipway history {environment}`."
            )
        release = _earlier(ledger, newest, to, target.by_image)
        change = Change(Event.ROLLBACK, release, fetch_release(ledger, release), reason)
        return roll_out(ledger, target, newest, change, say)


def _earlier(ledger: Ledger, newest: Entry, to: int | None, by_image: bool) -> Release:
    """What served before the present release came, or after entry `to`."""
    entries, serving = list(ledger.history(newest.environment)), newest.serving
    arrivals = (entry for entry in entries if entry.event in (Event.DEPLOY, Event.PROMOTE))
    began = next((entry.number for entry in arrivals if _same(entry.release, serving, by_image)), newest.number)
    for entry in entries:
        found = entry.serving
        if found is None or (to is not None and entry.number != to):
            continue
        earlier = entry.number < began and not _same(found, serving, by_image)
        if to is not None or (earlier and found.bundle not in newest.blocked):
            _check_blocked(newest, found)
            return found
    wanted = f"entry {to}, in which a release serves," if to is not None else "another release that served before"
    raise DeliveryError(
        f"There is nothing to go back to: expected {wanted} in `slipway history {newest.environment}`, found none."
    )


def _same(one: Release | None, other: Release | None, by_image: bool) -> bool:
    """Whether both run the same; where images run, the same model in another image is another release."""
    if one is None or other is None:
        return one is other
    return one.bundle == other.bundle and (one.image == other.image or not by_image)


def _check_order(root: Path, newest: Entry, release: Release, say: Say) -> None:
    """A run that was slow, or is run again, must not bring an older commit over a newer one."""
    serving = newest.serving.commit if newest.serving else None
    if serving is None or release.commit in (None, serving):
        return
    older = Git(root, DeliveryError).attempt("merge-base", "--is-ancestor", str(release.commit), serving)
    if older.exit_code == 0:
        raise DeliveryError(
            f"{newest.environment} serves the commit {serving[:12]}, which is newer than {release.commit}: nothing was "
            f"deployed. `slipway rollback {newest.environment}` goes back."
        )
    if older.exit_code != 1:
        say(f"{newest.environment}: cannot tell whether the commit that serves is newer: {older.reason}")


def _check_taken_back(ledger: Ledger, newest: Entry, release: Release) -> None:
    """New code around the same model blocks no bundle when it is rolled back; its image stays away all the same."""
    entries = list(ledger.history(newest.environment))
    for entry, before in pairwise(entries):
        left = before.serving
        if entry.event is Event.ROLLBACK and left and (left.bundle, left.image) == (release.bundle, release.image):
            raise DeliveryError(
                f"The image {release.image} was rolled back in {newest.environment} by entry {entry.number}. Mend the "
                f"code: a new commit has a new image. `slipway rollback {newest.environment} --to N` brings it back."
            )


def _check_chosen(chosen: Release, source: str, serving: Release) -> None:
    if (chosen.bundle, chosen.image) != (serving.bundle, serving.image):
        raise DeliveryError(
            f"{source} serves the bundle {serving.bundle[:12]} in {serving.image} by now, not {chosen.bundle[:12]} in "
            f"{chosen.image}, which was chosen here. Nothing was promoted: whoever brought that one promotes it."
        )


def _check_blocked(newest: Entry, release: Release) -> None:
    number = newest.blocked.get(release.bundle)
    if number is not None:
        raise DeliveryError(
            f"The bundle {release.bundle[:12]} is blocked in {newest.environment} by entry {number}: it was rolled "
            f"back or failed. `slipway ledger unblock {newest.environment} {release.bundle} --reason ...` lets it back."
        )
