"""What the workers of a service share."""

from typing import NamedTuple

import msgspec

from slipway.bundle.verify import SealedBundle
from slipway.serving.metrics.board import Board
from slipway.serving.metrics.recorder import Family, count_slots, metric_families
from slipway.serving.settings import ServingSettings


class Shared(NamedTuple):
    """Settings, board and metrics of all workers of a service; `started` is in seconds since the epoch."""

    settings: ServingSettings
    board: Board
    families: tuple[Family, ...]
    started: float


def share_state(settings: ServingSettings, sealed: SealedBundle, started: float) -> Shared:
    """Make the shared state, before the workers are forked.

    The board has two sections for each worker: one that takes over counts apart from the one that is ending.
    """
    families = metric_families(sealed.manifest, _score_edges(sealed))
    return Shared(settings, Board(2 * settings.processes, count_slots(families)), families, started)


def _score_edges(sealed: SealedBundle) -> tuple[float, ...]:
    """Return the bucket edges of a regression's scores, those of the bundle's profile."""
    profile = msgspec.json.decode(sealed.files["profile.json"])
    return tuple(profile["scores"][0].get("edges", (0.0,)))
