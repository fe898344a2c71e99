"""Preconditions of a deployment, a promotion and a rollback, and the release to which a rollback goes."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from slipway.delivery.release import Chosen
from slipway.delivery.rollout import Say
from slipway.errors import DeliveryError
from slipway.git import Git
from slipway.ledger import Entry, Event, Ledger, Release
from slipway.ledger.entry import PRODUCTION, RELEASE_EVENTS


def require_serving(entry: Entry) -> Release:
    """Return the release that serves after `entry`; raises `DeliveryError` if nothing does."""
    if entry.serving is None:
        raise DeliveryError(
            f"{entry.environment} serves nothing yet, so nothing can be promoted. `slipway deploy {entry.environment}` "
            "first."
        )
    return entry.serving


def find_earlier_release(ledger: Ledger, newest: Entry, to: int | None, by_image: bool) -> tuple[Release, int]:
    """Return the release that served before the present one came, or after entry `to`, and the entry's number."""
    entries, serving = list(ledger.history(newest.environment)), newest.serving
    arrivals = (entry for entry in entries if entry.event in (Event.DEPLOY, Event.PROMOTE))
    began = next((entry.number for entry in arrivals if _runs_same(entry.release, serving, by_image)), newest.number)
    for entry in entries:
        found = entry.serving
        if found is None or (to is not None and entry.number != to):
            continue
        earlier = entry.number < began and not _runs_same(found, serving, by_image)
        if to is not None or (earlier and found.bundle not in newest.blocked):
            check_not_blocked(newest, found)
            return found, entry.number
    wanted = f"entry {to}, in which a release serves," if to is not None else "another release that served before"
    raise DeliveryError(
        f"There is nothing to go back to: expected {wanted} in `slipway history {newest.environment}`, found none."
    )


def check_signed(ledger: Ledger, environment: str, number: int, accept: Callable[[str], bool]) -> None:
    """Refuse an entry from the time before there were signers unless `accept` takes it."""
    if not ledger.is_signed(environment, number) and not accept(
        f"Entry {number} of {environment} is unsigned: anyone who can push may have written it. Go back to it?"
    ):
        raise DeliveryError(
            f"Entry {number} of {environment} is unsigned: it was written before entries were signed. "
            f"Nothing was changed. Look at it with `slipway history {environment}`; --unsigned goes back to it."
        )


def check_not_blocked(newest: Entry, release: Release) -> None:
    """Refuse a bundle that was rolled back or failed in the environment."""
    number = newest.blocked.get(release.bundle)
    if number is not None:
        raise DeliveryError(
            f"The bundle {release.bundle[:12]} is blocked in {newest.environment} by entry {number}: it was rolled "
            f"back or failed. `slipway ledger unblock {newest.environment} {release.bundle} --reason ...` unblocks it."
        )


def check_commit_order(root: Path, newest: Entry, release: Release, say: Say) -> None:
    """Refuse a commit that is older than the one that serves: the run was slow, or is run again."""
    serving = newest.serving.commit if newest.serving else None
    if serving is None or release.commit in (None, serving):
        return
    try:
        older = Git(root, DeliveryError).descends(serving, str(release.commit))
    except DeliveryError as error:
        say(f"{newest.environment}: cannot tell whether the commit that serves is newer: {error}")
        return
    if older:
        raise DeliveryError(
            f"{newest.environment} serves the commit {serving[:12]}, which is newer than {release.commit}. Nothing was "
            f"deployed. `slipway rollback {newest.environment} --from {newest.number} --reason ...` goes back."
        )


def check_image_not_rolled_back(ledger: Ledger, newest: Entry, release: Release) -> None:
    """Refuse an image that was rolled back: a rollback to the same model in another image blocks no bundle."""
    for entry, before in pairwise(ledger.history(newest.environment)):
        if entry.event is Event.ROLLBACK and before.serving and before.serving.artifact == release.artifact:
            raise DeliveryError(
                f"The image {release.image} was rolled back in {newest.environment} by entry {entry.number}. Fix the "
                f"code: a new commit has a new image. `slipway rollback {newest.environment} --to N` brings it back."
            )


def find_recorded_rollback(
    ledger: Ledger, newest: Entry, reason: str, expected_entry: int | None, to: int | None
) -> bool:
    """Return whether the ledger has this very rollback already; refuse one that goes further back unasked.

    `expected_entry` is the newest one that the caller has seen, `to` the one to go back to. After a rollback only a
    command that names its entry, or a goal, goes back further: a release that was never looked at would be blocked.
    """
    last = next((entry for entry in ledger.history(newest.environment) if entry.event in RELEASE_EVENTS), None)
    if last and last.event is Event.ROLLBACK and expected_entry in (None, last.number - 1) and to is None:
        if (last.by, last.reason) == (ledger.by, reason):
            return True
        raise DeliveryError(
            f"{newest.environment} was rolled back already by entry {last.number} ({last.by}: {last.reason}); since "
            f"then it serves {last.serving.shown if last.serving else 'nothing'}. Nothing was changed. To leave that "
            f"release as well: `slipway rollback {newest.environment} --from {newest.number} --reason ...`."
        )
    if expected_entry not in (None, newest.number):
        raise DeliveryError(
            f"Conflict: expected entry {expected_entry} to be the newest of {newest.environment}, found entry "
            f"{newest.number} ({newest.event}, by {newest.by}). Nothing was changed. See `slipway history "
            f"{newest.environment}`, then retry."
        )
    return False


def check_chosen_serves(chosen: Release, source: str, serving: Release) -> None:
    """Refuse to promote if another release than the chosen one serves in `source` by now."""
    if chosen.artifact != serving.artifact:
        raise DeliveryError(
            f"Expected {source} to serve the chosen bundle {chosen.bundle[:12]} in {chosen.image}, found "
            f"{serving.bundle[:12]} in {serving.image}. Nothing was promoted: promote from the run that deployed it."
        )


def check_still_judged(chosen: Chosen, ledger: Ledger, environment: str) -> None:
    """Refuse a release if production was rolled back since the verdict: the gate compared with another model."""
    if environment != PRODUCTION:
        return
    for entry in ledger.history(environment):
        if entry.event is Event.ROLLBACK and entry.number > chosen.production_entry:
            raise DeliveryError(
                f"{environment} was rolled back by entry {entry.number} ({entry.by}) after the gate had compared this "
                "release with the one that served then. Nothing was promoted. Choose again (at GitHub: re-run all "
                "jobs): the gate then compares with the release that serves now."
            )


def _runs_same(one: Release | None, other: Release | None, by_image: bool) -> bool:
    """Return whether both run the same; where images run, the same model in another image is another release."""
    if one is None or other is None:
        return one is other
    return one.artifact == other.artifact if by_image else one.bundle == other.bundle
