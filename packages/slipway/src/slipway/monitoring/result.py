"""The typed content of `monitoring/<window>.json`: what a run of the monitor measured, and the alarms that follow."""

from datetime import datetime
from pathlib import Path

import msgspec

from slipway.errors import DataError
from slipway.figures import round_figures
from slipway.files.documents import read_json
from slipway.files.writing import write_json
from slipway.monitoring.alarms.alarm import Alarm, AlarmState
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.windows import Length, format_length, order_lengths

FORMAT = 1
# The date in the name of a file: another environment may have a name that begins as this one's.
_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_ADVICE = "Run `slipway monitor run` to make it again."


class ReleaseRows(msgspec.Struct, frozen=True, kw_only=True):
    """One release in a window: the digest of its bundle, its rows, and how many of them have an outcome."""

    bundle: str
    rows: int
    outcomes: int


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The measurements between `start` and `end` (exclusive), whole days of the monitor's clock.

    One that was cut to hold a number of outcomes, `of_outcomes`, begins and ends with a row.
    `releases` are those that answered in it, most rows first. Where there are several, the measurements of each stand
    beside those of the whole, as `release:<first twelve digits>:<name>`.
    """

    start: datetime
    end: datetime
    rows: int
    outcomes: int
    releases: tuple[ReleaseRows, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    of_outcomes: int = 0

    @property
    def length(self) -> Length:
        """The length of the window, as a rule names it."""
        return f"{self.of_outcomes} outcomes" if self.of_outcomes else (self.end - self.start).days

    def find(self, name: str) -> Measurement | None:
        """Return the measurement of that name, None if there is none."""
        return next((each for each in self.measurements if each.name == name), None)


def name_window(window: Window) -> str:
    """Name a window, as behind `in the`: `14 days to 2024-05-01`."""
    return f"{format_length(window.length)} to {window.end:%Y-%m-%d}"


class LogCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of lines and outcomes of the whole log: those that could be used, and the rest by reason.

    `damaged` lines are incomplete or malformed, `foreign` ones are JSON that is no entry of the log. `probes` are rows
    that tested the service (`slipway deploy`), which no figure counts. Outcomes: `joined`
    (one for its prediction), `repeated` (known already), `superseded` (corrected later), `conflicting` (predictions
    with two that contradict each other), `unknown` (no such prediction in the log).
    """

    predictions: int = 0
    damaged: int = 0
    foreign: int = 0
    joined: int = 0
    repeated: int = 0
    superseded: int = 0
    conflicting: int = 0
    unknown: int = 0
    probes: int = 0


class MonitorResult(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the monitor.

    `at` is the end of the newest window; `clock` is `logged` or the contract's column that tells a row's day; `windows`
    are of every length that a rule asks for, by their end, days before outcomes and the shorter first. `share` is the
    part of the rows that the figures rest on, 1 unless there were more than fit into memory. `release` is the bundle
    that the ledger says serves. `unjudged` names the rules that no window could be judged by, and why not.
    """

    format: int = FORMAT
    environment: str
    problem: str
    clock: str
    at: datetime
    release: str | None = None
    share: float = 1.0
    counts: LogCounts = LogCounts()
    windows: tuple[Window, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    unjudged: dict[str, str] = {}

    @property
    def firing(self) -> tuple[Alarm, ...]:
        """Return the alarms that fire."""
        return tuple(alarm for alarm in self.alarms if alarm.state is AlarmState.FIRING)

    @property
    def newest(self) -> tuple[Window, ...]:
        """Return the newest window of each length, the shortest first."""
        return tuple(self.of_length(length)[-1] for length in self.lengths())

    def lengths(self) -> tuple[Length, ...]:
        """Return the lengths of the windows: days, then outcomes, the shortest first."""
        return order_lengths(each.length for each in self.windows)

    def of_length(self, length: Length) -> tuple[Window, ...]:
        """Return the windows of that length, the oldest first."""
        return tuple(each for each in self.windows if each.length == length)


def result_path(folder: Path, result: MonitorResult) -> Path:
    """Return the file of a run: named by the environment and the day on which its newest window ends."""
    return folder / f"{result.environment}-{result.at:%Y-%m-%d}.json"


def write_result(path: Path, result: MonitorResult) -> None:
    """Write a result: the same bytes for the same figures, every number rounded to six significant digits."""
    write_json(path, round_figures(msgspec.to_builtins(result)))


def read_result(path: Path) -> MonitorResult:
    """Read a result from a file; raises `DataError` that names it."""
    return read_json(path, MonitorResult, DataError, _ADVICE)


def find_result(folder: Path, environment: str) -> MonitorResult | None:
    """Return the newest result of an environment in the folder, None if there is none; raises `DataError`."""
    newest = max(folder.glob(f"{environment}-{_DAY}.json"), default=None)
    return read_result(newest) if newest else None
