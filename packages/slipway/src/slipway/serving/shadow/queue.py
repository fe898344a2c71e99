"""The queue of a shadow: lines of the prediction log in memory that a worker and the shadow's process share.

A worker copies a line into it: no lock, no call of the system, nothing to wait for.
"""

import mmap
import struct
from typing import NamedTuple
from zlib import crc32

_POSITIONS = struct.Struct("=4Q")
# Length, rows and checksum of a line.
_HEAD = struct.Struct("=3I")


class TakenLine(NamedTuple):
    """A line that was taken, and the number of its rows."""

    line: bytes
    rows: int


class ShadowQueue:
    """A ring of `size` bytes for one writer and one reader.

    Both count bytes and rows that only grow, each in numbers that the other one only reads. By its checksum the reader
    sees that a line is complete: another core may see the writer's number before the bytes.
    """

    def __init__(self, size: int) -> None:
        memory = memoryview(mmap.mmap(-1, _POSITIONS.size + size))
        # Bytes written, bytes taken, rows written, rows taken.
        self._numbers = memory[: _POSITIONS.size].cast("Q")
        self._content = memory[_POSITIONS.size :]
        self._size = size

    @property
    def waiting_bytes(self) -> int:
        """The number of bytes that wait."""
        return self._numbers[0] - self._numbers[1]

    @property
    def waiting_rows(self) -> int:
        """The number of rows that wait."""
        return self._numbers[2] - self._numbers[3]

    def put(self, line: bytes, rows: int) -> bool:
        """Append a line of so many rows; return False, and change nothing, where there is no room for it."""
        written = self._numbers[0]
        length = _HEAD.size + len(line)
        if written + length - self._numbers[1] > self._size:
            return False
        self._write(written, _HEAD.pack(len(line), rows, crc32(line)) + line)
        self._numbers[2] += rows
        self._numbers[0] = written + length
        return True

    def take(self) -> TakenLine | None:
        """Remove the oldest line and return it; None where none is complete."""
        taken = self._numbers[1]
        waiting = self._numbers[0] - taken
        if waiting < _HEAD.size:
            return None
        length, rows, checksum = _HEAD.unpack(self._read(taken, _HEAD.size))
        if length > waiting - _HEAD.size:
            return None
        line = self._read(taken + _HEAD.size, length)
        if crc32(line) != checksum:
            return None
        self._numbers[3] += rows
        self._numbers[1] = taken + _HEAD.size + length
        return TakenLine(line, rows)

    def _write(self, position: int, content: bytes) -> None:
        start = position % self._size
        fits = self._size - start
        self._content[start : start + len(content)] = content[:fits]
        if len(content) > fits:
            self._content[: len(content) - fits] = content[fits:]

    def _read(self, position: int, length: int) -> bytes:
        start = position % self._size
        first = bytes(self._content[start : start + length])
        return first + bytes(self._content[: length - len(first)])
