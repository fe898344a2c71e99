"""The thread of a worker that watches its load: connections, free places, bodies that take too long."""

import threading
import time
from contextlib import suppress

from slipway.serving.app.application import App
from slipway.serving.app.shared import Shared
from slipway.serving.server.connections import Connections
from slipway.serving.server.overflow import Overflow

_LOOK_SECONDS = 0.05
# Connections inherit what is set on the listening socket: it is found as soon as it is there.
_FIRST_LOOK_SECONDS = 0.002
# Listing the files of ten thousand connections takes some milliseconds.
_COUNT_SECONDS = 0.25


class LoadWatch:
    """Watches the load of the worker that counts in `section` of the board."""

    def __init__(self, app: App, shared: Shared, section: int) -> None:
        self._app, self._board, self._section = app, shared.board, section
        self._connections = Connections(shared.settings.max_connections)
        self._open, self._counted = 0, 0.0
        self._full_since: float | None = None

    def start(self) -> None:
        """Watch until the process ends."""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while not self._connections.find_listeners():
            # Where the system shows no open files, none is ever found.
            self._board.set_load(self._section, 0, 0.0)
            time.sleep(_FIRST_LOOK_SECONDS)
        overflow = Overflow(self._connections)
        while True:
            now = time.monotonic()
            # Listing open files needs one: where none is left, the last count stands.
            with suppress(OSError):
                self._refuse_above_limit(overflow, now)
            overflow.end_lingering()
            self._app.places.answer_slow_bodies()
            self._full_since = (self._full_since or now) if self._app.places.full else None
            self._board.set_load(self._section, self._open, now - self._full_since if self._full_since else 0.0)
            time.sleep(_LOOK_SECONDS)

    def _refuse_above_limit(self, overflow: Overflow, now: float) -> None:
        if now - self._counted >= _COUNT_SECONDS or self._open >= self._connections.limit:
            self._open, self._counted = self._connections.count(overflow.lingering), now
        if refused := overflow.refuse(self._open):
            self._app.recorder.add("slipway_refused_connections", refused)
            if self._app.access_log:
                self._app.access_log.write_refused_connections(refused)
