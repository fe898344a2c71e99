"""Memory that the workers of one service share: their states, flags to end, and every count.

It is made before the workers are forked. Each worker writes only its own section, so nothing needs a lock between
processes, a killed worker loses no count, and any worker can answer for all.
"""

import mmap
import struct
from enum import IntEnum

_WORD = struct.calcsize("d")
# Draining, leaving.
_FLAGS = 2


class State(IntEnum):
    """The state of a worker."""

    STARTING = 0
    READY = 1
    REFUSED = 2


class Board:
    """Flags and `counts` numbers for each of `sections` workers."""

    def __init__(self, sections: int, counts: int) -> None:
        self._sections = sections
        self._counts = counts
        size = (_FLAGS + sections * (1 + counts)) * _WORD
        self._words: memoryview[float] = memoryview(mmap.mmap(-1, size)).cast("d")

    @property
    def draining(self) -> bool:
        """True if the service is shutting down and wants no new clients."""
        return self._words[0] != 0

    def drain(self) -> None:
        """Announce that the service is shutting down."""
        self._words[0] = 1.0

    @property
    def closing(self) -> bool:
        """True if these workers will end, so that clients should open another connection."""
        return self._words[0] != 0 or self._words[1] != 0

    def leave(self) -> None:
        """Announce that other workers have taken over, so that these will end."""
        self._words[1] = 1.0

    def state(self, section: int) -> State:
        """Return the state of the section's worker."""
        return State(int(self._words[_FLAGS + section]))

    def set_state(self, section: int, state: State) -> None:
        """Set the state of the section's worker."""
        self._words[_FLAGS + section] = float(state)

    def ready(self) -> int:
        """Count the workers that are ready."""
        return sum(self.state(section) is State.READY for section in range(self._sections))

    def counts(self, section: int) -> "memoryview[float]":
        """Return the section's numbers, which its worker alone writes."""
        start = _FLAGS + self._sections + section * self._counts
        return self._words[start : start + self._counts]

    def totals(self) -> list[float]:
        """Sum each number over the sections."""
        return [sum(numbers) for numbers in zip(*(self.counts(each) for each in range(self._sections)), strict=True)]
