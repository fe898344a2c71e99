"""Workers that run and do nothing: stopped, or within code of the bundle that does not return."""

import time
from collections.abc import Iterable

# Looks are a second apart; after a longer pause, in which this process was stopped too, one counts no more than this.
_LONGEST_SECONDS = 2.0


class SilentWorkers:
    """Measures for how long workers gave no sign of life."""

    def __init__(self) -> None:
        self._looked = time.monotonic()
        # The last sign of each worker, and for how long it is the same.
        self._silent: dict[int, tuple[float, float]] = {}

    def find_stuck(self, signs: Iterable[tuple[int, float]], seconds: float) -> list[int]:
        """Return the workers that gave the same sign for `seconds`, each of them once; call it every second."""
        now = time.monotonic()
        passed, self._looked = min(now - self._looked, _LONGEST_SECONDS), now
        found = {}
        for worker, sign in signs:
            last, silent = self._silent.get(worker, (sign, 0.0))
            found[worker] = (sign, silent + passed if sign == last else 0.0)
        stuck = [worker for worker, (_, silent) in found.items() if silent >= seconds]
        self._silent = {worker: each for worker, each in found.items() if worker not in stuck}
        return stuck
