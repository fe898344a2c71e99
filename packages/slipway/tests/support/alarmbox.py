"""An alarm, the same alarm recovered, the result of a monitor's run that holds alarms, and a log that raises them."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec.structs import replace

from slipway.figures import Figure
from slipway.monitoring.alarms.alarm import Action, Alarm, AlarmState, Severity
from slipway.monitoring.result import MonitorResult, Window
from slipway.serving.log import Feedback, Prediction

NOW = datetime(2013, 12, 15, tzinfo=UTC)
SKILL = Alarm(
    environment="production",
    rule="effectiveness",
    measurement="skill",
    severity=Severity.CRITICAL,
    action=Action.RETRAIN,
    state=AlarmState.FIRING,
    since=NOW,
    windows=(3, 4),
    observed=Figure(value=0.05, low=0.03, high=0.07),
    limit="above 0.09, the lower end of the evaluation's interval",
    sentence="The skill is 0.05, and the evaluation's interval begins at 0.09.",
    advice="Look at the slices first.",
)
RECOVERED = replace(SKILL, state=AlarmState.RECOVERED, observed=Figure(value=0.12), sentence="The skill is 0.12 again.")


def make_window(*measurements, end=NOW, days=14, outcomes=5000):
    """Return a window of 9000 rows."""
    return Window(start=end - timedelta(days=days), end=end, rows=9000, outcomes=outcomes, measurements=measurements)


def result(*alarms, measurements=(), outcomes=5000, windows=None):
    """Return a result up to now: of one window of 14 days, unless others are given."""
    made = (make_window(*measurements, outcomes=outcomes),) if windows is None else tuple(windows)
    return MonitorResult(
        environment="production", problem="flights", clock="logged", at=NOW, windows=made, alarms=alarms
    )


def write_log(folder: Path, model: str, bias: float, days: int = 9, rows: int = 200) -> None:
    """Write a log up to now of a binary model whose scores lie above the share of positive outcomes by `bias`."""
    rng, start, lines = random.Random(7), datetime.now(UTC) - timedelta(days=days), []
    for number in range(days * rows):
        time, identifier = start + timedelta(days=number / rows), str(UUID(int=number + (7 << 76) + (2 << 62)))
        score = rng.uniform(0.2, 0.6)
        outcome = rng.random() < score
        logged = Prediction(identifier, time, model, 900, score=min(score + bias, 1.0), label=score + bias > 0.5)
        known = Feedback(str(UUID(int=number + (7 << 76) + (3 << 62))), time + timedelta(hours=1), identifier, outcome)
        lines += [msgspec.json.encode(entry) for entry in (logged, known)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "20131215T000000.000000Z-00000000.jsonl").write_bytes(b"\n".join(lines) + b"\n")
