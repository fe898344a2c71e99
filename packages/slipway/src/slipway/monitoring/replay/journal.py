"""Remember on disk how far a replay came, so that the same command continues it."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from slipway.errors import DataError
from slipway.files.documents import parse_json
from slipway.files.writing import write_bytes
from slipway.monitoring.replay.sender import Sent


class JournalStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request that was answered: rows that were sent, in their order, or the numbers of rows that were settled."""

    sent: Sent | None = None
    settled: list[int] = []


class ReplayProgress(msgspec.Struct):
    """Progress of a replay: the id of each prediction by the number of its row, the settled and the refused rows."""

    ids: list[str | None]
    settled: set[int]
    refused: Counter[str]
    digests: Counter[str]


class Journal:
    """A file with one line for the plan of a replay, then one for each answered request."""

    def __init__(self, path: Path, plan: dict[str, Any]) -> None:
        """Open the journal of `plan`: go on where the last replay of the same plan stopped, or begin a new one."""
        self._head = msgspec.json.encode(plan, order="sorted")
        self._path = path
        lines = path.read_bytes().split(b"\n") if path.exists() else []
        if not lines or lines[0] != self._head:
            lines = [self._head, b""]
        # What follows the last newline is the torn line of a process that was killed.
        self._kept = lines[:-1]
        write_bytes(path, b"".join(line + b"\n" for line in self._kept))

    def progress(self) -> ReplayProgress:
        """Return how far it came; raises `DataError` for a damaged line."""
        found = ReplayProgress([], set(), Counter(), Counter())
        advice = f"Remove {self._path}: the replay then begins again, and sends its first rows twice."
        for number, line in enumerate(self._kept[1:], 2):
            where = f"{self._path.name}, line {number}"
            note_step(found, parse_json(line, JournalStep, where, DataError, advice))
        return found

    def write(self, step: JournalStep) -> None:
        """Append a step."""
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(step) + b"\n")

    def remove(self) -> None:
        """Forget a replay that is complete."""
        self._path.unlink(missing_ok=True)


def note_step(found: ReplayProgress, step: JournalStep) -> None:
    """Add a step to the progress."""
    if step.sent:
        found.ids += step.sent.ids
        found.refused.update(step.sent.refused)
        if step.sent.digest:
            found.digests[step.sent.digest] += sum(each is not None for each in step.sent.ids)
    found.settled.update(step.settled)
