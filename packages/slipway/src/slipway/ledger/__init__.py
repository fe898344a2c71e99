"""The ledger: which release serves in each environment, since when and why, on the git branch `deployments`."""

from slipway.ledger.entry import Entry, Event, Release
from slipway.ledger.ledger import Ledger
from slipway.ledger.transitions import next_entry

__all__ = ["Entry", "Event", "Ledger", "Release", "next_entry"]
