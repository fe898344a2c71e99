"""Look after the log of a worker: sync, rotate, retention, and a line for the operator while it cannot be written."""

import time
from collections.abc import Callable

from slipway.serving.console import print_line
from slipway.serving.log.retention import Retention
from slipway.serving.log.writer import LogWriter
from slipway.serving.settings import LogSettings

_INTERVAL_SECONDS = 0.1
_ROTATE_SECONDS = 5.0
# A full disk is one line a minute, whatever the number of requests and workers.
_PRINT_SECONDS = 60.0


class LogMaintenance:
    """The regular work; `may_print` tells if this worker may print a line about the log now."""

    def __init__(self, log: LogWriter, settings: LogSettings, may_print: Callable[[float], bool]) -> None:
        self._log, self._settings, self._may_print = log, settings, may_print
        self._retention = Retention(settings)
        self._next_rotation = 0.0
        self._failed = False
        self.pause = _INTERVAL_SECONDS

    def run(self) -> None:
        """Do what is due."""
        try:
            if self._settings.log_durability == "interval":
                self._log.sync()
            else:
                self._log.verify()
            if time.monotonic() >= self._next_rotation:
                self._next_rotation = time.monotonic() + _ROTATE_SECONDS
                self._log.rotate()
                for failure in self._retention.clean():
                    if self._may_print(_PRINT_SECONDS):
                        print_line(failure)
        except OSError as error:
            self._report(error.strerror or str(error))
            return
        if self._log.failing:
            self._report(self._log.error)
        elif self._failed:
            self._failed = False
            print_line("the prediction log can be written again")

    def _report(self, reason: str) -> None:
        closed = self._settings.when_log_fails == "closed"
        meanwhile = "requests are refused with 503" if closed else "responses are counted, not logged"
        if self._may_print(_PRINT_SECONDS):
            self._failed = True
            print_line(f"cannot write the prediction log in {self._settings.log}: {reason}; {meanwhile}")
