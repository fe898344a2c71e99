"""The newest figures in Prometheus' text format, for the service's `/metrics` or a node exporter's textfile."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from slipway.files.writing import write_bytes
from slipway.monitoring.result import MonitorResult


def write_textfile(path: Path, result: MonitorResult, ran_at: datetime) -> None:
    """Write the gauges of a run: a whole file in place of the one before, so that no half of one is collected."""
    write_bytes(path, render_gauges(result, ran_at))


def render_gauges(result: MonitorResult, ran_at: datetime) -> bytes:
    """Return the gauges of a run as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gauges(result, ran_at))
    return generate_latest(registry)


class _Gauges(Collector):
    """The gauges of one result."""

    def __init__(self, result: MonitorResult, ran_at: datetime) -> None:
        self._result = result
        self._ran_at = ran_at

    def collect(self) -> Iterator[GaugeMetricFamily]:
        result = self._result
        labels = (result.environment,)
        yield _gauge("last_run_timestamp_seconds", "Time of the last run of the monitor.", labels, self._ran_at)
        yield _gauge("window_end_timestamp_seconds", "End of the newest window.", labels, result.at)
        count = GaugeMetricFamily("slipway_monitor_alarms", "Alarms that are firing.", labels=("environment",))
        count.add_metric(labels, len(result.firing))
        yield count
        names = ("environment", "rule", "measurement", "severity")
        alarms = GaugeMetricFamily("slipway_monitor_alarm", "1 for each alarm that is firing.", labels=names)
        for alarm in result.firing:
            alarms.add_metric((alarm.environment, alarm.rule, alarm.measurement, alarm.severity.value), 1)
        yield alarms
        yield _measurements(result)


def _gauge(name: str, text: str, labels: tuple[str, ...], when: datetime) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"slipway_monitor_{name}", text, labels=("environment",))
    family.add_metric(labels, when.timestamp())
    return family


def _measurements(result: MonitorResult) -> GaugeMetricFamily:
    """Return every figure of the newest window of each length; the label `window` is its days, or `2000 outcomes`."""
    names = ("environment", "measurement", "window")
    family = GaugeMetricFamily("slipway_monitor_measurement", "Figure of the newest window.", labels=names)
    for window in result.newest:
        for each in window.measurements:
            if each.figure is not None:
                family.add_metric((result.environment, each.name, str(window.length)), each.figure.value)
    return family
