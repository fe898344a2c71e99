"""Write the counts of all workers together in Prometheus' text format."""

from collections.abc import Iterator, Sequence

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from slipway.serving.metrics.recorder import Family


class Gauge(msgspec.Struct, frozen=True):
    """A current value with its labels."""

    name: str
    help: str
    value: float
    labels: dict[str, str] = {}


def expose_metrics(families: Sequence[Family], totals: Sequence[float], gauges: Sequence[Gauge]) -> bytes:
    """Format `totals`, the numbers of `families` in their order, and `gauges`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counts(families, totals, gauges))
    return generate_latest(registry)


class _Counts(Collector):
    def __init__(self, families: Sequence[Family], totals: Sequence[float], gauges: Sequence[Gauge]) -> None:
        self._families = families
        self._totals = totals
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, as prometheus_client asks for it."""
        slot = 0
        for family in self._families:
            metric: CounterMetricFamily | HistogramMetricFamily
            kind = HistogramMetricFamily if family.edges else CounterMetricFamily
            metric = kind(family.name, family.help, labels=family.labels)
            for labels in family.series:
                _add(metric, labels, family.edges, self._totals[slot : slot + family.width])
                slot += family.width
            yield metric
        for gauge in self._gauges:
            found = GaugeMetricFamily(gauge.name, gauge.help, labels=list(gauge.labels))
            found.add_metric(list(gauge.labels.values()), gauge.value)
            yield found


def _add(
    metric: CounterMetricFamily | HistogramMetricFamily,
    labels: tuple[str, ...],
    edges: tuple[float, ...],
    numbers: Sequence[float],
) -> None:
    if isinstance(metric, CounterMetricFamily):
        metric.add_metric(labels, numbers[0])
        return
    below, buckets = 0.0, []
    for edge, number in zip([*map(repr, edges), "+Inf"], numbers[:-1], strict=True):
        below += number
        buckets.append((edge, below))
    metric.add_metric(list(labels), buckets, sum_value=numbers[-1])
