"""The champion: the release that a candidate is compared with, which a person may distrust."""

from collections.abc import Iterable, Sequence

from slipway.errors import LedgerError
from slipway.ledger.entry import Entry, Event, Release
from slipway.ledger.transitions import next_entry


def find_champion(entries: Iterable[Entry]) -> Release | None:
    """Return the release to compare a candidate with, from the entries of an environment, newest first.

    It is the one that serves, or where that is distrusted, the last one before it that is neither distrusted nor
    blocked; None stands for the baseline.
    """
    refused: set[str] | None = None
    for entry in entries:
        serving = entry.serving
        if refused is None:
            if serving is None:
                return None
            refused = set(entry.distrusted) | (set(entry.blocked) - {serving.bundle})
        if serving is not None and serving.bundle not in refused:
            return serving
    return None


def distrust_entry(entries: Sequence[Entry], digest: str, *, by: str, reason: str) -> Entry:
    """Return the entry after `entries`, newest first, that distrusts the release whose digest begins with `digest`."""
    served = {entry.serving.bundle for entry in entries if entry.serving}
    matching = sorted(bundle for bundle in served - set(entries[0].distrusted) if bundle.startswith(digest))
    if len(matching) != 1:
        listed = ", ".join(bundle[:12] for bundle in sorted(served)) or "(none)"
        raise LedgerError(
            f"Nothing was written: {digest!r} matches {len(matching)} of the bundles that served in "
            f"{entries[0].environment} and are trusted: {listed}."
        )
    return next_entry(entries[0], Event.DISTRUST, by=by, reason=reason, distrust=matching[0])
