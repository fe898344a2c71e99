"""The lines that were written last, kept in memory in case another program truncates the file."""

import time
from collections import deque

# Seconds and bytes of lines that are kept: a program that copies the file and then truncates it takes less.
_SECONDS, _BYTES = 5.0, 8 << 20


class RecentLines:
    """The last lines of one file, with the position where each ends."""

    def __init__(self) -> None:
        self._lines: deque[tuple[float, int, bytes]] = deque()
        self._bytes = 0

    def add(self, line: bytes, end: int) -> None:
        """Keep a line that ends at `end`, and forget those that are old."""
        now = time.monotonic()
        self._lines.append((now, end, line))
        self._bytes += len(line)
        while self._bytes > _BYTES or self._lines[0][0] < now - _SECONDS:
            self._bytes -= len(self._lines.popleft()[2])
            if not self._lines:
                break

    def take_after(self, size: int) -> list[bytes]:
        """Return the lines that end after `size`, and forget all."""
        lost = [line for _, end, line in self._lines if end > size]
        self.forget()
        return lost

    def forget(self) -> None:
        """Forget all lines: the next file begins."""
        self._lines.clear()
        self._bytes = 0
