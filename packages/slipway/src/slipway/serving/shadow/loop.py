"""The process of a shadow: take rows from the queues of all workers, score them in blocks, and log the scores.

It yields the processor to every other process, and nothing waits for it: a shadow that is slow drops rows.
"""

import os
import signal
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import msgspec
from msgspec.structs import replace

from slipway.bundle.verify import start_bundle
from slipway.errors import SlipwayError
from slipway.serving.app.shared import Shadowing, Shared, State
from slipway.serving.console import print_line
from slipway.serving.log import LogWriter
from slipway.serving.metrics.recorder import Recorder
from slipway.serving.settings import LogSettings
from slipway.serving.shadow.queue import ShadowQueue, TakenLine
from slipway.serving.shadow.scoring import RefusedRow, ShadowScorer

REFUSED = 3
# Rows that are scored together: a few milliseconds of work, after which new lines are taken.
_BLOCK = 512
_LOOK_SECONDS = 0.05
_SYNC_SECONDS = 1.0
_ROTATE_SECONDS = 5.0
# Seconds in which the rest of the queue is scored when the service ends.
_LAST_SECONDS = 1.0
# Refusals that are printed, one of each kind.
_PRINTED = 20


def run_shadow(shared: Shared, shadowing: Shadowing, parent: int) -> NoReturn:
    """Score what arrives until SIGTERM, or until the parent has ended; this process never returns."""
    try:
        _run(shared, shadowing, _Ending(parent))
    except BaseException as error:  # noqa: BLE001 - sys.exit in code of the bundle ends this process as well
        print_line(f"the shadow failed\n{''.join(traceback.format_exception(error))}")
        os._exit(1)
    os._exit(0)


def _run(shared: Shared, shadowing: Shadowing, ending: "_Ending") -> None:
    yield_processor()
    section = shared.board.shadow_section
    try:
        scorer = ShadowScorer(start_bundle(shadowing.sealed))
    except SlipwayError as error:
        shared.board.set_state(section, State.REFUSED)
        print_line(f"the shadow cannot start, and production serves without it. {error}")
        os._exit(REFUSED)
    recorder = Recorder(shared.families, shared.board.counts(section))
    _count_lost(recorder)
    shared.board.set_state(section, State.READY)
    log = LogWriter(_log_settings(shared.settings))
    try:
        ShadowLoop(shadowing.queues, scorer, recorder, log).run(ending)
    finally:
        with suppress(OSError):
            log.close()


def yield_processor() -> None:
    """Let this process run when no other one wants the processor, and be the first to end where memory is short."""
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.nice(19)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


class _Ending:
    """Know when to end: SIGTERM arrived, or the parent has ended. Signals of a terminal are the parent's."""

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self._since: float | None = None
        signal.signal(signal.SIGTERM, self._end)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))

    @property
    def began(self) -> bool:
        if self._since is None and os.getppid() != self._parent:
            self._end()
        return self._since is not None

    @property
    def is_late(self) -> bool:
        return self._since is not None and time.monotonic() - self._since > _LAST_SECONDS

    def _end(self, *_: object) -> None:
        self._since = self._since or time.monotonic()


class ShadowLoop:
    """The work of the shadow: take lines, score them, log the scores, and count."""

    def __init__(self, queues: Sequence[ShadowQueue], scorer: ShadowScorer, recorder: Recorder, log: LogWriter) -> None:
        self._queues = queues
        self._scorer = scorer
        self._recorder = recorder
        self._log = log
        self._encoder = msgspec.json.Encoder()
        self._printed: set[str] = set()
        self._next_sync = self._next_rotation = 0.0

    def run(self, ending: _Ending) -> None:
        """Work until it is time to end; count what is left then."""
        while not ending.is_late:
            # Asked before the queues are: workers end before the shadow is told to.
            ends = ending.began
            lines = self._take()
            if lines:
                self._process(lines)
            elif ends:
                return
            else:
                time.sleep(_LOOK_SECONDS)
            self._maintain()
        self._drop_rest()

    def _take(self) -> list[TakenLine]:
        """Take lines of all queues, in turn, until there are enough rows for a block."""
        lines: list[TakenLine] = []
        rows = 0
        waiting = [*self._queues]
        while waiting and rows < _BLOCK:
            for queue in [*waiting]:
                line = queue.take()
                if line is None:
                    waiting.remove(queue)
                else:
                    lines.append(line)
                    rows += line.rows
        self._recorder.add("slipway_shadow_taken", rows)
        return lines

    def _process(self, lines: Sequence[TakenLine]) -> None:
        records, refused = self._scorer.score([each.line for each in lines])
        scored = sum(each.rows for each in lines) - len(refused)
        try:
            self._log.append(b"".join([self._encoder.encode(record) + b"\n" for record in records]))
            self._recorder.add("slipway_shadow_scored", scored)
        except OSError:
            self._recorder.add("slipway_shadow_dropped", scored, "log")
        for each in refused:
            self._recorder.add("slipway_shadow_refused", 1.0, each.reason)
            self._print_once(each)

    def _print_once(self, refused: RefusedRow) -> None:
        if refused.name not in self._printed and len(self._printed) < _PRINTED:
            self._printed.add(refused.name)
            print_line(f"the shadow cannot score some rows ({refused.name}). {refused.detail}")

    def _maintain(self) -> None:
        now = time.monotonic()
        with suppress(OSError):
            if now >= self._next_sync:
                self._next_sync = now + _SYNC_SECONDS
                self._log.sync()
            if now >= self._next_rotation:
                self._next_rotation = now + _ROTATE_SECONDS
                self._log.rotate()

    def _drop_rest(self) -> None:
        rows = 0
        for queue in self._queues:
            while (line := queue.take()) is not None:
                rows += line.rows
        self._recorder.add("slipway_shadow_taken", rows)
        self._recorder.add("slipway_shadow_dropped", rows, "ended")
        print_line(f"the shadow ended with {rows:,} rows that it did not score")


def _count_lost(recorder: Recorder) -> None:
    """Count the rows that a process before this one took, and did not score before it died."""
    done = recorder.total("slipway_shadow_scored") + recorder.total("slipway_shadow_refused")
    lost = recorder.total("slipway_shadow_taken") - done - recorder.total("slipway_shadow_dropped")
    recorder.add("slipway_shadow_dropped", max(0.0, lost), "died")


def _log_settings(settings: LogSettings) -> LogSettings:
    """Return the log's settings without a sync for each line: no client waits for the shadow's."""
    return replace(settings, log_durability="interval") if settings.log_durability == "always" else settings
