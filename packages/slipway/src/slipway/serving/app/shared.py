"""What the workers of a service share."""

from typing import NamedTuple

from slipway.serving.metrics.board import Board
from slipway.serving.metrics.recorder import Family
from slipway.serving.settings import ServingSettings


class Shared(NamedTuple):
    """Settings, board and metrics of all workers of a service; `started` is in seconds since the epoch."""

    settings: ServingSettings
    board: Board
    families: tuple[Family, ...]
    started: float
