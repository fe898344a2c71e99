"""Deploy, promote, roll back: the only way to change which release an environment serves.

The order is: keep the bundle, rehearse it, switch, test, write the ledger. A change counts once the ledger has its
entry: after a command that died earlier, `slipway reconcile` restores what the ledger records, or the same command run
again completes the work, because each step does nothing where it is done already. One command at a time holds an
environment of this clone, or of an engine; across clones the ledger decides which command was first.
"""

from collections.abc import Callable
from pathlib import Path

from slipway.delivery.preconditions import (
    check_chosen_serves,
    check_commit_order,
    check_image_not_rolled_back,
    check_not_blocked,
    check_signed,
    check_still_judged,
    find_earlier_release,
    find_recorded_rollback,
    require_serving,
)
from slipway.delivery.release import BUNDLE, check_request, choose_release, read_chosen
from slipway.delivery.rollout import (
    Change,
    Delivered,
    Say,
    check_no_conflict,
    complete_rollout,
    open_environment,
    roll_out,
)
from slipway.errors import DeliveryError
from slipway.ledger import Event, Ledger
from slipway.ledger.entry import PRODUCTION
from slipway.settings import project_settings


def deploy(root: Path, environment: str, say: Say, base: str | None = None, chosen: Path | None = None) -> Delivered:
    """Deliver the release that the gate chooses to a first environment; raises `GateError` if the gate refuses.

    `chosen` is a folder that `choose_release` wrote: the gate has judged it.
    """
    if environment == PRODUCTION:
        raise DeliveryError(
            "Only a release that passed staging goes to production: `slipway deploy staging`, then `slipway promote "
            "staging production`."
        )
    with open_environment(root, environment, say) as held:
        newest = held.ledger.read(environment)
        folder = chosen or root / ".slipway" / "chosen"
        found = read_chosen(chosen) if chosen else choose_release(root, held.ledger, folder, say, base)
        check_not_blocked(newest, found.release)
        if chosen:
            check_commit_order(root, newest, found.release, say)
        return roll_out(held, newest, Change(Event.DEPLOY, found.release, folder / BUNDLE, gate=found.gate))


def promote(
    root: Path,
    source: str,
    environment: str,
    say: Say,
    requested: Path | None = None,
    chosen: Path | None = None,
) -> Delivered:
    """Deliver the release that serves in `source`, and passed its test there, to `environment`, by the same digest.

    If `requested`, a file, or `chosen`, a folder of `choose_release`, names a release, it must be exactly that one.
    """
    with open_environment(root, environment, say) as held:
        before, newest = held.ledger.read(source), held.ledger.read(environment)
        release = require_serving(before)
        if requested:
            check_request(requested, release)
        found = read_chosen(chosen) if chosen else None
        if found:
            check_chosen_serves(found.release, source, release)
        check_not_blocked(newest, release)
        if held.target.by_image:
            check_image_not_rolled_back(held.ledger, newest, release)
        if found:
            check_still_judged(found, held.ledger, environment)
        return roll_out(held, newest, Change(Event.PROMOTE, release, gate=before.gate))


def rollback(
    root: Path,
    environment: str,
    reason: str,
    say: Say,
    to: int | None = None,
    expected_entry: int | None = None,
    accept: Callable[[str], bool] = lambda _: False,
    unverified: bool = False,
) -> Delivered:
    """Bring back the release that served before, or the one that served after entry `to`.

    `accept` is asked whether to go back to the release of an unsigned entry; `unverified` takes an image
    without signature or attestation. `expected_entry` is the newest entry that the caller has seen. The same command
    again, after one that died or whose push had no answer, finds its entry and goes no further back.
    """
    settings = project_settings(root)
    seen = Ledger(root, settings).read(environment)
    with open_environment(root, environment, say, settings) as held:
        newest = held.ledger.read(environment)
        # Two people who saw the same fault would otherwise go back one release too far.
        check_no_conflict(seen, newest, Event.ROLLBACK, "starting. Nothing was changed.")
        if find_recorded_rollback(held.ledger, newest, reason, expected_entry, to):
            say(f"{environment}: the ledger has this rollback already, as entry {newest.number}")
            return complete_rollout(held, newest, unverified)
        release, number = find_earlier_release(held.ledger, newest, to, held.target.by_image)
        check_signed(held.ledger, environment, number, accept)
        return roll_out(held, newest, Change(Event.ROLLBACK, release, reason=reason, unverified=unverified))
