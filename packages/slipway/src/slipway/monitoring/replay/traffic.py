"""Replay rows against a service: predictions in the order of time, each outcome when its simulated time has come."""

import heapq
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from slipway.columns import columns_to_rows, count_rows, frame_to_columns, take_rows
from slipway.contract import Field
from slipway.monitoring.replay.journal import Journal, JournalStep, ReplayProgress, note_step
from slipway.monitoring.replay.sender import SOURCE, Outcome, Sender
from slipway.monitoring.replay.traffic_faults import RENAMED

if TYPE_CHECKING:
    import pandas as pd

_LONGEST_SLEEP = 0.5


class ReplayRows(msgspec.Struct, frozen=True):
    """The rows to send, in the order of `times`; `settled` is None for an outcome that never comes."""

    fields: tuple[Field, ...]
    columns: dict[str, Any]
    renamed: dict[str, Any]
    times: list[datetime]
    settled: list[datetime | None]
    outcomes: list[Any]

    def take(self, begin: int, end: int) -> list[dict[str, Any]]:
        """Return rows as a client sends them."""
        found = columns_to_rows(self.fields, take_rows(self.columns, slice(begin, end)))
        for name, mask in self.renamed.items():
            for row, renamed in zip(found, mask[begin:end], strict=True):
                if renamed:
                    row[f"{name}_v2"] = row.pop(name)
        return found


class SimulatedClock:
    """The simulated time: it starts at an instant and goes `speed` times as fast as ours; None: it never waits."""

    def __init__(self, start: datetime, speed: float | None) -> None:
        self._start, self._speed, self._began = start, speed, time.monotonic()

    def reach(self, instant: datetime) -> datetime | None:
        """Wait until the instant has come, and return the simulated time then; None where nothing waits."""
        if self._speed is None:
            return None
        while (now := self._now(self._speed)) < instant:
            time.sleep(min((instant - now).total_seconds() / self._speed, _LONGEST_SLEEP))
        return now

    def _now(self, speed: float) -> datetime:
        return self._start + timedelta(seconds=(time.monotonic() - self._began) * speed)


def make_replay_rows(frame: "pd.DataFrame", fields: tuple[Field, ...]) -> ReplayRows:
    """Turn a frame of held-back rows into what is sent."""
    settled = [None if each is None or each != each else each for each in frame["settled"].dt.to_pydatetime()]
    return ReplayRows(
        fields,
        frame_to_columns(fields, frame),
        {name.removeprefix(RENAMED): frame[name].to_numpy() for name in frame if name.startswith(RENAMED)},
        [*frame["time"].dt.to_pydatetime()],
        settled,
        frame["target"].tolist(),
    )


def send_rows(
    rows: ReplayRows,
    sender: Sender,
    journal: Journal,
    *,
    speed: float | None,
    batch: int,
    report: Callable[[int], None] = lambda _: None,
) -> ReplayProgress:
    """Send what the journal does not have yet, and return how far it came: to the end, unless it is interrupted.

    Requests have at most `batch` rows or outcomes that are due. A request that was answered is in the journal before
    the next one is sent, so after a kill at most one is repeated.
    """
    found, most = journal.progress(), count_rows(rows.columns)
    pending = [
        (settled, number)
        for number, identifier in enumerate(found.ids)
        if identifier and number not in found.settled and (settled := rows.settled[number])
    ]
    heapq.heapify(pending)

    def note(step: JournalStep) -> None:
        journal.write(step)
        note_step(found, step)
        report(len(found.ids))

    clock: SimulatedClock | None = None
    while pending or len(found.ids) < most:
        place = len(found.ids)
        row_time = rows.times[place] if place < most else None
        if row_time is not None and (not pending or row_time < pending[0][0]):
            now = (clock := clock or SimulatedClock(row_time, speed)).reach(row_time)
            end = _find_due(rows.times, place, now, batch)
            sent = sender.predict(rows.take(place, end))
            for number, identifier in enumerate(sent.ids, place):
                if identifier and (settled := rows.settled[number]):
                    heapq.heappush(pending, (settled, number))
            note(JournalStep(sent=sent))
        else:
            now = (clock := clock or SimulatedClock(pending[0][0], speed)).reach(pending[0][0])
            until = min((each for each in (now, row_time) if each), default=None)
            note(JournalStep(settled=_settle_due(rows, sender, found, pending, until, batch)))
    return found


def _find_due(times: list[datetime], place: int, now: datetime | None, batch: int) -> int:
    end = place + 1
    while end < min(place + batch, len(times)) and (now is None or times[end] <= now):
        end += 1
    return end


def _settle_due(
    rows: ReplayRows,
    sender: Sender,
    found: ReplayProgress,
    pending: list[tuple[datetime, int]],
    until: datetime | None,
    batch: int,
) -> list[int]:
    """Send the outcomes that have come `until` an instant, and return the numbers of their rows."""
    due: list[tuple[datetime, int]] = []
    while pending and len(due) < batch and (until is None or pending[0][0] <= until):
        due.append(heapq.heappop(pending))
    sender.settle([Outcome(found.ids[each] or "", rows.outcomes[each], when, SOURCE) for when, each in due])
    return [number for _, number in due]
