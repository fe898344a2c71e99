"""The monitor's gauges in Prometheus' text format, read by Prometheus' own parser."""

from datetime import timedelta

from alarmbox import NOW, RECOVERED, SKILL, make_window, result
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from slipway.figures import Figure
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.report.textfile import write_textfile

RAN_AT = NOW + timedelta(days=1, hours=6)
# A name of a category comes from a client.
NAME = 'slice:carrier="A\\B"\n:excess'


def figures(skill):
    return (
        Measurement(name="skill", figure=Figure(value=skill, low=0.0, high=0.2)),
        Measurement(name=NAME, figure=Figure(value=-0.25)),
        Measurement(name="roc_auc", note="one class alone"),
    )


RESULT = result(
    SKILL,
    replace(RECOVERED, measurement="slope"),
    windows=[make_window(*figures(0.5), end=NOW - timedelta(days=7), days=7), make_window(*figures(0.1), days=7)],
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
        ("window_end_timestamp_seconds", production): NOW.timestamp(),
        ("alarms", production): 1,
        ("alarm", production, ("measurement", "skill"), ("rule", "effectiveness"), ("severity", "critical")): 1,
        ("measurement", production, ("measurement", "skill"), ("window", "7")): 0.1,
        ("measurement", production, ("measurement", NAME), ("window", "7")): -0.25,
    }


def test_a_window_of_outcomes_is_a_label_of_its_own(tmp_path):
    window = replace(make_window(*figures(0.5), days=7), of_outcomes=2000)
    write_textfile(tmp_path / "slipway.prom", replace(RESULT, windows=(*RESULT.windows, window)), RAN_AT)
    gauges = read_gauges(tmp_path / "slipway.prom")
    found = {key[-1][1]: value for key, value in gauges.items() if ("measurement", "skill") in key and len(key) == 4}
    assert {found["7"], found["2000 outcomes"]} == {0.1, 0.5}


def test_the_file_is_replaced_as_a_whole_and_can_be_read_by_others(tmp_path):
    path = tmp_path / "slipway.prom"
    write_textfile(path, RESULT, RAN_AT)
    before = path.stat().st_ino
    write_textfile(path, RESULT, RAN_AT + timedelta(days=1))
    assert path.stat().st_ino != before
    assert [each.name for each in tmp_path.iterdir()] == ["slipway.prom"]
    assert path.stat().st_mode & 0o777 == 0o644
