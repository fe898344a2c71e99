"""Write the counts of all workers together in Prometheus' text format."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import msgspec
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from slipway.serving.metrics.recorder import Family


class Gauge(msgspec.Struct, frozen=True):
    """A current value with its labels."""

    name: str
    help: str
    value: float
    labels: dict[str, str] = {}


def expose_metrics(
    families: Sequence[Family], totals: Sequence[float], gauges: Sequence[Gauge], others: Sequence[Metric] = ()
) -> bytes:
    """Format `totals`, the numbers of `families` in their order, `gauges`, and metrics of `others`."""
    # It asks a registry for nothing but `collect`.
    return generate_latest(_Counts(families, totals, gauges, others))


class _Counts(NamedTuple):
    families: Sequence[Family]
    totals: Sequence[float]
    gauges: Sequence[Gauge]
    others: Sequence[Metric]

    def collect(self) -> Iterator[Metric]:
        """Yield every metric, as prometheus_client asks for it."""
        rest = iter(self.totals)
        for family in self.families:
            counter = CounterMetricFamily(family.name, family.help, labels=family.labels)
            histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
            for labels in family.series:
                numbers = [next(rest) for _ in range(family.width)]
                if family.edges:
                    buckets = [*zip([*map(repr, family.edges), "+Inf"], accumulate(numbers[:-1]), strict=True)]
                    histogram.add_metric(labels, buckets, sum_value=numbers[-1])
                else:
                    counter.add_metric(labels, numbers[0])
            yield histogram if family.edges else counter
        for gauge in self.gauges:
            found = GaugeMetricFamily(gauge.name, gauge.help, labels=list(gauge.labels))
            found.add_metric(list(gauge.labels.values()), gauge.value)
            yield found
        yield from self.others
