"""The monitor's last report, in a folder of the log: the service of that log shows it.

<log>/monitoring/
  report.html    the page, which `GET /monitoring` returns
  gauges.prom    the newest figures in Prometheus' text format, which `GET /metrics` adds to its own
"""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from slipway.files.writing import write_bytes

REPORT_FOLDER = "monitoring"
REPORT_PAGE = "report.html"
REPORT_GAUGES = "gauges.prom"
# The example's page has 0.2 MB.
LARGEST_MB = 8


def write_report_files(log: Path, files: Mapping[str, bytes]) -> None:
    """Write files of a report, by name, below the folder of a log."""
    for name, content in files.items():
        write_bytes(log / REPORT_FOLDER / name, content)


def read_report_file(log: Path, name: str) -> bytes | None:
    """Return a file of the report; None if it is missing, larger than `LARGEST_MB`, a link, or behind one."""
    with suppress(OSError):
        folder = os.open(log / REPORT_FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            # Opening a named pipe would wait for its writer.
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)
        with os.fdopen(file, "rb") as opened:
            if stat.S_ISREG(os.fstat(file).st_mode):
                content = opened.read((LARGEST_MB << 20) + 1)
                return content if len(content) <= LARGEST_MB << 20 else None
    return None
