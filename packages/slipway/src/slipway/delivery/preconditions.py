"""Preconditions of an operation, each a `DeliveryError` where it does not hold; nothing has been changed then."""

from itertools import pairwise
from pathlib import Path

from slipway.delivery.release import Chosen
from slipway.delivery.rollout import Say
from slipway.errors import DeliveryError
from slipway.git import Git
from slipway.ledger import Entry, Event, Ledger, Release
from slipway.ledger.entry import PRODUCTION


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
            f"deployed. `slipway rollback {newest.environment}` goes back."
        )


def check_image_not_rolled_back(ledger: Ledger, newest: Entry, release: Release) -> None:
    """Refuse an image that was rolled back: a rollback to the same model in another image blocks no bundle."""
    for entry, before in pairwise(ledger.history(newest.environment)):
        if entry.event is Event.ROLLBACK and before.serving and before.serving.artifact == release.artifact:
            raise DeliveryError(
                f"The image {release.image} was rolled back in {newest.environment} by entry {entry.number}. Fix the "
                f"code: a new commit has a new image. `slipway rollback {newest.environment} --to N` brings it back."
            )


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
        if entry.event is Event.ROLLBACK and entry.number > chosen.judged:
            raise DeliveryError(
                f"{environment} was rolled back by entry {entry.number} ({entry.by}) after the gate had compared this "
                "release with the one that served then. Nothing was promoted. Choose again (at GitHub: re-run all "
                "jobs): the gate then compares with the release that serves now."
            )
