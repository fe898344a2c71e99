"""The state that the workers of a service share: settings, and memory for their states, flags to end, and every count.

The memory is made before the workers are forked. Each worker writes only its own section, so nothing needs a lock
between processes, a killed worker loses no count, and any worker can answer for all.
"""

import mmap
import time
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec
import numpy as np

from slipway.bundle.verify import SealedBundle
from slipway.serving.metrics.recorder import Family, count_slots, metric_families
from slipway.serving.settings import ServingSettings
from slipway.serving.shadow.queue import ShadowQueue

_MEGABYTE = 1 << 20


class State(IntEnum):
    """The state of a worker."""

    STARTING = 0
    READY = 1
    REFUSED = 2


# Draining, leaving, and when a line about the log was printed last.
_FLAGS = 3
# Numbers of a section before its counts: the state, open connections, seconds without a free place, the last sign of
# life in seconds of the monotonic clock, which all processes share.
_STATE, _CONNECTIONS, _FULL, _SIGN, _OWN = 0, 1, 2, 3, 4


class Board:
    """Flags; and for each of so many workers and, in the last section, for the shadow: a state and `counts` numbers.

    A worker's section also has its open connections, and for how long no place was free.
    """

    def __init__(self, workers: int, counts: int) -> None:
        sections = workers + 1
        words = np.frombuffer(mmap.mmap(-1, (_FLAGS + sections * (_OWN + counts)) * np.dtype(float).itemsize))
        # Every request looks at the flags, and a memoryview is read in a tenth of the time of an array.
        self._flags = _view(words[:_FLAGS])
        self._sections = words[_FLAGS:].reshape(sections, _OWN + counts)

    @property
    def draining(self) -> bool:
        """True if the service is shutting down and wants no new clients."""
        return self._flags[0] != 0

    def drain(self) -> None:
        """Announce that the service is shutting down."""
        self._flags[0] = 1.0

    @property
    def closing(self) -> bool:
        """True if these workers will end, so that clients should open another connection."""
        return self._flags[0] != 0 or self._flags[1] != 0

    def leave(self) -> None:
        """Announce that other workers have taken over, so that these will end."""
        self._flags[1] = 1.0

    def may_print(self, seconds: float) -> bool:
        """Return True if no worker has printed about the log for so long; the caller then prints."""
        now = time.monotonic()
        if self._flags[2] and now - self._flags[2] < seconds:
            return False
        self._flags[2] = now
        return True

    def state(self, section: int) -> State:
        """Return the state of the section's worker."""
        return State(int(self._sections[section, _STATE]))

    def set_state(self, section: int, state: State) -> None:
        """Set the state of the section's worker."""
        self._sections[section, _SIGN] = time.monotonic()
        self._sections[section, _STATE] = state

    def sign(self, section: int) -> float:
        """Return when the section's worker gave a sign of life."""
        return float(self._sections[section, _SIGN])

    def set_load(self, section: int, connections: int, full_seconds: float) -> None:
        """Set the open connections of the section's worker, and for how long it had no free place: a sign of life."""
        self._sections[section, _SIGN] = time.monotonic()
        self._sections[section, _CONNECTIONS] = connections
        self._sections[section, _FULL] = full_seconds

    def connections(self) -> int:
        """Count the open connections of all workers."""
        return int(self._running(_CONNECTIONS).sum())

    def saturated(self, seconds: float) -> bool:
        """Return True if a worker had no free place, or gave no sign of life, for so long."""
        silent = self._running(_SIGN) <= time.monotonic() - seconds
        return bool((self._running(_FULL) >= seconds).any() or silent.any())

    def _running(self, number: int) -> Any:
        """Return a number of each worker that is ready: one that was killed leaves its own behind."""
        return self._sections[:-1, number][self._sections[:-1, _STATE] == State.READY]

    def ready(self) -> int:
        """Count the workers that are ready."""
        return int(np.count_nonzero(self._sections[:-1, _STATE] == State.READY))

    @property
    def shadow_section(self) -> int:
        """The section of the shadow."""
        return len(self._sections) - 1

    def counts(self, section: int) -> "memoryview[float]":
        """Return the section's numbers, which its process alone writes."""
        return _view(self._sections[section, _OWN:])

    def totals(self) -> list[float]:
        """Sum each number over the sections."""
        found: list[float] = self._sections[:, _OWN:].sum(axis=0).tolist()
        return found


def _view(numbers: Any) -> "memoryview[float]":
    return memoryview(numbers)


class Shadowing(NamedTuple):
    """The verified bundle of the shadow, and the queue of each worker's section."""

    sealed: SealedBundle
    queues: tuple[ShadowQueue, ...]

    @property
    def waiting_rows(self) -> int:
        """The number of rows that wait in all queues."""
        return sum(queue.waiting_rows for queue in self.queues)


class Shared(NamedTuple):
    """Settings, board and metrics of all workers of a service; `started` is in seconds since the epoch."""

    settings: ServingSettings
    board: Board
    families: tuple[Family, ...]
    started: float
    shadowing: Shadowing | None = None


def share_state(
    settings: ServingSettings, sealed: SealedBundle, started: float, shadow: SealedBundle | None = None
) -> Shared:
    """Make the shared state, before the workers are forked.

    The board has two sections for each worker: one that takes over counts apart from the one that is ending.
    """
    families = metric_families(sealed.manifest, _score_edges(sealed), shadow is not None)
    workers = 2 * settings.processes
    queues = [ShadowQueue(settings.shadow_queue_mb * _MEGABYTE) for _ in range(workers if shadow else 0)]
    shadowing = Shadowing(shadow, tuple(queues)) if shadow else None
    return Shared(settings, Board(workers, count_slots(families)), families, started, shadowing)


def _score_edges(sealed: SealedBundle) -> tuple[float, ...]:
    """Return the bucket edges of a regression's scores, those of the bundle's profile."""
    profile = msgspec.json.decode(sealed.files["profile.json"])
    return tuple(sorted({*profile["scores"][0].get("edges", (0.0,))}))
