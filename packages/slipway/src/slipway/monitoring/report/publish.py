"""Put the report of a run where the service of its log shows it, as a page and as gauges of its metrics."""

from datetime import datetime
from pathlib import Path

from slipway.delivery.targets.registry import find_target
from slipway.errors import SlipwayError
from slipway.monitoring.report.page import render_monitor_page
from slipway.monitoring.report.textfile import render_gauges
from slipway.monitoring.result import MonitorResult
from slipway.monitoring.run_memory import read_memory
from slipway.serving.log.report import REPORT_GAUGES, REPORT_PAGE, write_report_files


def publish_monitor_report(root: Path, result: MonitorResult, ran_at: datetime, log: Path | None) -> str | None:
    """Publish the report beside the environment's own log, or in the folder `log` of another one.

    Returns why the service does not show it, if so: the run itself is complete. A look at the past (`--until`) does not
    replace a newer report of the environment. A `log` that cannot be written raises.
    """
    files = {REPORT_PAGE: render_monitor_page(result).encode(), REPORT_GAUGES: render_gauges(result, ran_at)}
    if log is not None:
        write_report_files(log, files)
        return None
    newest = read_memory(root, result.environment, result.clock).at
    if newest is not None and newest > result.at:
        return f"a newer run measured up to {newest:%Y-%m-%d}, this one up to {result.at:%Y-%m-%d}"
    try:
        return find_target(root, result.environment).publish_report(files)
    except (SlipwayError, OSError) as error:
        return str(error)
