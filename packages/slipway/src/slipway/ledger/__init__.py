"""What runs where, since when, and what ran before: the git branch `deployments`, written without a checkout."""

from slipway.ledger.entry import Entry, Event, Release
from slipway.ledger.ledger import Ledger
from slipway.ledger.succession import follow

__all__ = ["Entry", "Event", "Ledger", "Release", "follow"]
