"""The shadow as the service's parent process sees it: start it, start it again when it dies, end it in time."""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from slipway.serving.app.shared import Shared, State
from slipway.serving.console import print_line
from slipway.serving.shadow.loop import REFUSED, run_shadow

# Seconds before a shadow that died is started again; twice as many each time.
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 60.0
# Seconds after which a shadow that was told to end is killed; it scores the rest of its queue meanwhile.
_PATIENCE = 3.0
# Open files that the process of a shadow does not inherit: the listening socket is among them.
_FILES = 4096
_LOOK_SECONDS = 0.05


class ShadowProcess:
    """The process of one shadow; without a shadow nothing happens.

    `wake` lets the parent's main thread call `revive`: only that one forks.
    """

    def __init__(self, shared: Shared, wake: Callable[[], None]) -> None:
        self._shared = shared
        self._wake = wake
        self._pid: int | None = None
        self._delay = _FIRST_DELAY
        self._due = threading.Event()
        self._ended = threading.Event()
        self._ending = False

    def start(self) -> None:
        """Fork the process; its death wakes the parent after a delay."""
        shadowing = self._shared.shadowing
        if shadowing is None or self._ending:
            return
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
        try:
            self._ended.clear()
            pid = os.fork()
            if pid == 0:
                try:
                    os.closerange(3, _FILES)
                    run_shadow(self._shared, shadowing, parent)
                finally:
                    os._exit(1)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
        self._pid = pid
        threading.Thread(target=self._watch, args=(pid,), daemon=True).start()

    def revive(self) -> None:
        """Start a process that died again, once its delay is over."""
        if self._due.is_set():
            self._due.clear()
            self.start()

    def end(self) -> None:
        """End the process: it scores what waits as long as there is time for it, and counts the rest."""
        self._ending = True
        if self._pid is None or self._ended.is_set():
            return
        self._signal(signal.SIGTERM)
        if not self._ended.wait(_PATIENCE):
            self._signal(signal.SIGKILL)
            self._ended.wait(_PATIENCE)
            rows = self._shared.shadowing.waiting_rows if self._shared.shadowing else 0
            print_line(f"the shadow did not end in {_PATIENCE:g} s and was killed with {rows:,} rows in its queue")

    def end_after(self, workers: Sequence[Any], seconds: float) -> None:
        """End the process once these workers have ended, without waiting for it here."""

        def wait() -> None:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and any(each.is_alive() for each in workers):
                time.sleep(_LOOK_SECONDS)
            self.end()

        threading.Thread(target=wait, daemon=True).start()

    def _watch(self, pid: int) -> None:
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        board = self._shared.board
        if board.state(board.shadow_section) is State.READY:
            board.set_state(board.shadow_section, State.STARTING)
        self._ended.set()
        if self._ending or code == REFUSED:
            return
        print_line(f"the shadow died (exit code {code}) and is started again in {self._delay:g} s")
        time.sleep(self._delay)
        self._delay = min(2 * self._delay, _LONGEST_DELAY)
        self._due.set()
        self._wake()

    def _signal(self, number: signal.Signals) -> None:
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)
