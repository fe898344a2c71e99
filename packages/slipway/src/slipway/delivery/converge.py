"""Make an environment what the ledger says, or end it. Nothing is judged or chosen here, so little is needed."""

from pathlib import Path
from typing import NamedTuple

from slipway.delivery.smoke import Smoke
from slipway.delivery.steps import Say, differs, keep, restore
from slipway.delivery.targets.registry import find_target, lock_target
from slipway.ledger import Entry, Ledger


class Converged(NamedTuple):
    """The entry that is so now, and the test where something had to be done.

    `offline` says why the ledger's remote was not asked, where it was not: the entry is the last one known then.
    """

    entry: Entry
    smoke: Smoke | None
    did: bool
    offline: str | None


def look(root: Path, environment: str) -> Converged | None:
    """What is so without anything being done, None where something is to be done, or is being done by somebody."""
    ledger = Ledger(root)
    newest = ledger.read(environment)
    differs_by = differs(find_target(root, environment), newest.serving)
    return None if differs_by else Converged(newest, None, False, ledger.offline)


def converge(root: Path, environment: str, say: Say) -> Converged:
    """Make what runs equal what the ledger says."""
    with lock_target(root, environment, say) as target:
        ledger = Ledger(root)
        newest = ledger.read(environment)
        found = differs(target, newest.serving)
        if found is None:
            as_said = "nothing runs after a rehearsal" if target.rehearsal else "runs what the ledger says"
            say(f"{environment}: {as_said}")
            return Converged(newest, None, False, ledger.offline)
        say(f"{environment}: {found} ...")
        if newest.serving and target.is_running():
            # What answers may be ended for the sake of what would not start.
            target.preflight()
            target.rehearse(keep(ledger, target, newest.serving))
        return Converged(newest, restore(ledger, target, newest), True, ledger.offline)


def stop(root: Path, environment: str, say: Say) -> bool:
    """End the environment's service; False if none ran."""
    with lock_target(root, environment, say) as target:
        return target.remove()
