"""The typed content of `monitor.yaml`: the clock, and what is watched; the defaults are in code."""

from pathlib import Path

from slipway.errors import SettingsError
from slipway.files.documents import read_yaml
from slipway.params import Strict

RULES = "monitor.yaml"


class MonitorRules(Strict, frozen=True, kw_only=True):
    """How an environment is watched.

    `clock` is `logged`, the log's own time, or the timestamp of the contract that tells a row's day, for traffic that
    is replayed or scored in batches. `windows` are the lengths in days that are measured.
    """

    clock: str = "logged"
    windows: tuple[int, ...] = (7, 14, 28)


def read_rules(root: Path) -> MonitorRules:
    """Read `monitor.yaml` below `root`; without the file the defaults hold."""
    path = root / RULES
    return read_yaml(path, MonitorRules, SettingsError, "Fix it.") if path.is_file() else MonitorRules()
