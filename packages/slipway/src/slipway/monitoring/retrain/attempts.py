"""Remember when an environment was last retrained, so that an alarm that goes on does not retrain without end."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from slipway.errors import SettingsError
from slipway.files.documents import read_json
from slipway.files.writing import write_json
from slipway.monitoring.retrain.result import RetrainEnd


class Attempt(msgspec.Struct, frozen=True):
    """The last retrain that trained a model."""

    at: datetime
    until: date
    end: RetrainEnd


def read_attempt(path: Path) -> Attempt | None:
    """Return the last attempt, None for the first."""
    return read_json(path, Attempt, SettingsError, "Delete it; it only holds a cool-down.") if path.exists() else None


def write_attempt(path: Path, until: date, end: RetrainEnd) -> None:
    """Note an attempt that ended now."""
    write_json(path, Attempt(datetime.now(UTC), until, end))


def remaining_cool_down(attempt: Attempt | None, cool_down: timedelta) -> timedelta:
    """Return how long the next attempt has to wait."""
    if attempt is None:
        return timedelta()
    return max(timedelta(), attempt.at + cool_down - datetime.now(UTC))
