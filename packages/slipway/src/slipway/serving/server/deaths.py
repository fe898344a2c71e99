"""Deaths of workers: which of them are replaced, and when the service gives up."""

import signal
import time
from collections import deque
from collections.abc import Callable

from slipway.serving.app.shared import State
from slipway.serving.console import print_line
from slipway.serving.server.resources import count_out_of_memory, read_limits

# Workers in a row that died before they were ready: the next would, too.
_FALSE_STARTS = 3
# Workers that the system killed for want of memory, within so many seconds: those that replace them have no more of it.
_OUT_OF_MEMORY, _SECONDS = 5, 60.0
# Deaths that the system counted at once are noticed within so many seconds.
_TOGETHER_SECONDS = 5.0


class Deaths:
    """Counts the deaths of workers; `count_killed` counts processes that the system killed for want of memory."""

    def __init__(self, count_killed: Callable[[], int] = count_out_of_memory) -> None:
        self._false_starts = 0
        self._count_killed = count_killed
        self._killed = count_killed()
        # When the kills were counted whose processes were not noticed yet.
        self._unnoticed: deque[float] = deque()
        self._times: deque[float] = deque(maxlen=_OUT_OF_MEMORY)

    def is_hopeless(self, state: State, exit_code: int | None, workers: int) -> bool:
        """Name the death of a worker in this state; return True if the next one would fail as this one did.

        A worker that was ready is replaced, whatever ended it, unless the memory does not hold it.
        """
        self._false_starts = 0 if state is State.READY else self._false_starts + 1
        if state is State.REFUSED:
            return True
        if exit_code == -signal.SIGKILL and self._was_out_of_memory():
            return self._is_too_small(workers)
        hopeless = self._false_starts >= _FALSE_STARTS
        print_line(f"a worker died (exit code {exit_code}){'' if hopeless else ' and is replaced'}")
        if hopeless:
            print_line(f"{_FALSE_STARTS} workers died before they were ready: giving up")
        return hopeless

    def _was_out_of_memory(self) -> bool:
        """Return True for one death of each kill that the system counted."""
        now, killed = time.monotonic(), self._count_killed()
        self._unnoticed.extend([now] * (killed - self._killed))
        self._killed = killed
        # The process of the shadow, for one, may have been killed instead.
        while self._unnoticed and self._unnoticed[0] < now - _TOGETHER_SECONDS:
            self._unnoticed.popleft()
        return bool(self._unnoticed and self._unnoticed.popleft())

    def _is_too_small(self, workers: int) -> bool:
        limit = read_limits().memory
        bound = f" (the memory limit of this container is {int(limit) >> 20} MiB)" if limit < float("inf") else ""
        self._times.append(time.monotonic())
        lasting = len(self._times) == _OUT_OF_MEMORY and self._times[-1] - self._times[0] < _SECONDS
        print_line(f"a worker was killed because memory ran out{bound}{'' if lasting else ', and is replaced'}")
        if lasting:
            fewer = f", or set SLIPWAY_WORKERS below {workers}" if workers > 1 else ""
            print_line(f"{_OUT_OF_MEMORY} workers within {_SECONDS:g} seconds: giving up. Raise the limit{fewer}.")
        return lasting
