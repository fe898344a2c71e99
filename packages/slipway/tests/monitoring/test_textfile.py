"""The monitor's gauges in Prometheus' text format, read by Prometheus' own parser."""

from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from slipway.figures import Figure
from slipway.monitoring.alarms.alarm import Action, Alarm, AlarmState, Severity
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.report.textfile import write_textfile
from slipway.monitoring.result import MonitorResult, Window

END = datetime(2026, 11, 29, tzinfo=UTC)
RAN_AT = datetime(2026, 11, 30, 6, 17, tzinfo=UTC)
# A name of a category comes from a client.
NAME = 'slice:carrier="A\\B"\n:excess'


def make_window(end, skill):
    measurements = (
        Measurement(name="skill", figure=Figure(value=skill, low=0.0, high=0.2)),
        Measurement(name=NAME, figure=Figure(value=-0.25)),
        Measurement(name="roc_auc", note="one class alone"),
    )
    return Window(start=end - timedelta(days=7), end=end, rows=10, outcomes=9, measurements=measurements)


def make_alarm(measurement, state):
    return Alarm(
        environment="production",
        rule="skill",
        measurement=measurement,
        severity=Severity.CRITICAL,
        action=Action.PAGE,
        state=state,
        since=END,
        windows=(1, 1),
        observed=None,
        limit="",
        sentence="",
        advice="",
    )


RESULT = MonitorResult(
    environment="production",
    problem="flights",
    clock="logged",
    at=END,
    windows=(make_window(END - timedelta(days=7), 0.5), make_window(END, 0.1)),
    alarms=(make_alarm("skill", AlarmState.FIRING), make_alarm("slope", AlarmState.RECOVERED)),
)


def read_gauges(path):
    families = text_string_to_metric_families(path.read_text())
    return {
        (sample.name.removeprefix("slipway_monitor_"), *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_figures_of_the_newest_windows_and_the_firing_alarms_are_gauges(tmp_path):
    write_textfile(tmp_path / "slipway.prom", RESULT, RAN_AT)
    production = ("environment", "production")
    assert read_gauges(tmp_path / "slipway.prom") == {
        ("last_run_timestamp_seconds", production): RAN_AT.timestamp(),
        ("window_end_timestamp_seconds", production): END.timestamp(),
        ("alarms", production): 1,
        ("alarm", production, ("measurement", "skill"), ("rule", "skill"), ("severity", "critical")): 1,
        ("measurement", production, ("measurement", "skill"), ("window", "7")): 0.1,
        ("measurement", production, ("measurement", NAME), ("window", "7")): -0.25,
    }


def test_the_file_is_replaced_as_a_whole_and_can_be_read_by_others(tmp_path):
    path = tmp_path / "slipway.prom"
    write_textfile(path, RESULT, RAN_AT)
    before = path.stat().st_ino
    write_textfile(path, RESULT, RAN_AT + timedelta(days=1))
    assert path.stat().st_ino != before
    assert [each.name for each in tmp_path.iterdir()] == ["slipway.prom"]
    assert path.stat().st_mode & 0o777 == 0o644
