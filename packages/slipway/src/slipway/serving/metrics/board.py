"""Memory that the workers of one service share: who is ready, whether they are to end, and every count.

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
    """How far a worker has come."""

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
        """Whether the service is about to end and wants no new callers."""
        return self._words[0] != 0

    def drain(self) -> None:
        """Say that the service is about to end."""
        self._words[0] = 1.0

    @property
    def closing(self) -> bool:
        """Whether these workers will end, so that callers should come back on another connection."""
        return self._words[0] != 0 or self._words[1] != 0

    def leave(self) -> None:
        """Say that others have taken over, so that these workers will end."""
        self._words[1] = 1.0

    def state(self, section: int) -> State:
        """How far the worker of this section has come."""
        return State(int(self._words[_FLAGS + section]))

    def set_state(self, section: int, state: State) -> None:
        """Say how far the worker of this section has come."""
        self._words[_FLAGS + section] = float(state)

    def ready(self) -> int:
        """How many workers answer."""
        return sum(self.state(section) is State.READY for section in range(self._sections))

    def counts(self, section: int) -> "memoryview[float]":
        """The section's numbers, to be written by its worker alone."""
        start = _FLAGS + self._sections + section * self._counts
        return self._words[start : start + self._counts]

    def totals(self) -> list[float]:
        """Each number summed over the sections."""
        return [sum(numbers) for numbers in zip(*(self.counts(each) for each in range(self._sections)), strict=True)]
