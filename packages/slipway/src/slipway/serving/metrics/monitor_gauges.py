"""The gauges of the monitor's last run, as the service's metrics show them."""

from functools import lru_cache
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from slipway.serving.console import print_line
from slipway.serving.log.report import REPORT_GAUGES, read_report_file

# No other name is taken from the file: a metric of the service has one source.
_PREFIX = "slipway_monitor_"


def read_monitor_gauges(log: Path) -> tuple[Metric, ...]:
    """Return the gauges that the monitor left beside the log; none where it left none, or something malformed."""
    return _parse_gauges(read_report_file(log, REPORT_GAUGES) or b"")


@lru_cache(maxsize=1)
def _parse_gauges(content: bytes) -> tuple[Metric, ...]:
    try:
        families = {each.name: each for each in text_string_to_metric_families(content.decode())}
    except Exception as error:  # noqa: BLE001 - the parser names no errors; the service's own metrics must stay readable
        print_line(f"the monitor's gauges are malformed, and /metrics leaves them out: {error!r:.200}")
        return ()
    return tuple(each for name, each in families.items() if name.startswith(_PREFIX) and each.type == "gauge")
