"""The supervisor: starts the workers, replaces those that die, swaps the bundle, and ends all of them in time.

granian does HTTP. Its own supervisor gives up when a worker dies twice in six seconds, and loses a signal that arrives
while a worker is started; so workers are started and watched here.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.server import MPServer

from slipway.bundle.verify import SealedBundle, read_sealed
from slipway.errors import SlipwayError
from slipway.serving.app.shared import Shared, State, share_state
from slipway.serving.console import print_line
from slipway.serving.server.deaths import Deaths
from slipway.serving.server.port import resolve_host, start_with_signals_blocked
from slipway.serving.server.stuck import SilentWorkers
from slipway.serving.server.worker import run_worker
from slipway.serving.settings import ServingSettings
from slipway.serving.shadow.process import ShadowProcess
from slipway.serving.shadow.sealed import read_shadow

# Seconds after which a worker that has not ended is killed, so that the whole service ends within ten.
_PATIENCE = 8
_LOOK_SECONDS, _LOOK_AT_WORKERS_SECONDS = 0.005, 1.0
# A worker that does nothing for so many times SLIPWAY_SATURATED_SECONDS is killed.
_PATIENCE_WITH_SILENCE = 4
# Threads that answer while every place is taken.
_SPARE_THREADS = 8
# A request whose headers are longer gets 431, before any key is asked.
_HEADER_BYTES = 64 << 10
# Seconds for which replaced workers ask clients to connect again, before they close kept-alive connections.
_FAREWELL_SECONDS = 0.5
# Seconds after which a worker that is not ready counts as failed.
_START_SECONDS = 60.0


class Supervisor(MPServer):
    """granian's server with workers of our own."""

    def __init__(self, shared: Shared, sealed: SealedBundle, listener: socket.socket | None) -> None:
        settings = shared.settings
        endpoint = listener.getsockname() if listener else (resolve_host(settings.host, settings.port), settings.port)
        super().__init__(
            "slipway",
            address=endpoint[0],
            port=endpoint[1],
            interface=Interfaces.WSGI,
            http=HTTPModes.http1,
            workers=settings.processes,
            # Some more than places, for probes and refusals; with 1 requests wait in line, no threads compete.
            blocking_threads=settings.max_concurrency + (_SPARE_THREADS if settings.max_concurrency > 1 else 0),
            backpressure=settings.max_connections,
            http1_settings=HTTP1Settings(
                header_read_timeout=1000 * settings.keep_alive_seconds, max_buffer_size=_HEADER_BYTES
            ),
            workers_kill_timeout=_PATIENCE,
            websockets=False,
            log_enabled=False,
        )
        self._shared = shared
        self._sealed = sealed
        self._listener = listener
        self._spawned = [0] * self.workers
        self._deaths, self._silent = Deaths(), SilentWorkers()
        self._retired: list[Any] = []
        self._shadow = ShadowProcess(shared, self.main_loop_interrupt.set)

    def _init_shared_socket(self) -> None:
        """Let workers accept connections from the holder's socket, where there is one."""
        if self._listener is None:
            super()._init_shared_socket()  # type: ignore[no-untyped-call]
            return
        self._listener.set_inheritable(True)
        self._sso = self._listener
        self._shd = SocketHolder(self._listener.fileno(), False, self.backlog)  # type: ignore[call-arg, assignment]

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any) -> Any:  # type: ignore[override]
        """Make the next worker with this index; the one before it may still be ending, so the section alternates."""
        section = idx + self.workers * (self._spawned[idx] % 2)
        self._spawned[idx] += 1
        for each in (idx, idx + self.workers):
            self._shared.board.set_state(each, State.STARTING)
        run = partial(run_worker, target, self._shared, self._sealed, section, os.getpid())
        made: Any = super()._spawn_worker(idx, run, callback_loader)
        made.start = partial(start_with_signals_blocked, made.start)
        return made

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        """Wait for signals, and replace workers that die."""
        announced = False
        while not self.interrupt_signal:
            if not announced and self._is_ready():
                self._announce()
                announced = True
                self._shadow.start()
            self.main_loop_interrupt.wait(_LOOK_AT_WORKERS_SECONDS if announced else _LOOK_SECONDS)
            self.main_loop_interrupt.clear()
            self._shadow.revive()
            self._kill_stuck_workers()
            if self.reload_signal:
                self._reload(spawn_target, target_loader)
            fallen, self.interrupt_children = self.interrupt_children, []
            for worker_index in [] if self.interrupt_signal else fallen:
                if self.wrks[worker_index].is_alive():
                    # A worker that was to take over died; the one that it was to replace runs.
                    continue
                state, exit_code = self._state(worker_index), self.wrks[worker_index].inner.exitcode
                if self._deaths.is_hopeless(state, exit_code, self.workers):
                    self._shared.board.drain()
                    self.interrupt_children.append(worker_index)
                    return
                self._respawn_workers([worker_index], spawn_target, target_loader)
        self._shared.board.drain()
        if self._shared.settings.drain_seconds:
            print_line(f"draining: not ready, connections are closed in {self._shared.settings.drain_seconds:g} s")
            time.sleep(self._shared.settings.drain_seconds)
        print_line("finishing accepted requests")

    def _kill_stuck_workers(self) -> None:
        """Kill workers that do nothing; they are replaced like those that die."""
        seconds = _PATIENCE_WITH_SILENCE * self._shared.settings.saturated_seconds
        ready = [index for index in range(self.workers) if self._state(index) is State.READY]
        signs = [(index, self._shared.board.sign(self._section(index))) for index in ready]
        for worker_index in self._silent.find_stuck(signs, seconds):
            print_line(
                f"a worker did nothing for {seconds:g} s and is killed: it is stopped, or within the bundle's code"
            )
            # granian's own method would leave it unreplaced.
            self.wrks[worker_index].inner.kill()

    def _reload(self, spawn_target: Any, target_loader: Any) -> None:
        """Read the bundle again on SIGHUP, and let workers with it take over on the same socket, all or none.

        A bundle that fails verification, or a worker that does not become ready, changes nothing.
        """
        self.reload_signal = False
        before = self._shared, self._sealed, self._spawned
        try:
            self._sealed = read_sealed(self._shared.settings.bundle)
        except SlipwayError as error:
            print_line(f"the bundle was not replaced. {error}")
            return
        shadow = _read_shadow_again(self._shared.settings, self._sealed)
        self._shared = share_state(self._shared.settings, self._sealed, time.time(), shadow)
        self._spawned = [0] * self.workers
        coming = [self._spawn_worker(worker_index, spawn_target, target_loader) for worker_index in range(self.workers)]
        for each in coming:
            each.start()
        self._wait(_START_SECONDS, lambda: self._is_ready() or not all(each.is_alive() for each in coming))
        if self._is_ready() and not self.interrupt_signal:
            before[0].board.leave()
            self._wait(_FAREWELL_SECONDS, lambda: False)
            self._retire(self.wrks)
            self._shadow.end_after(self.wrks, _PATIENCE)
            self.wrks = coming
            self._shadow = ShadowProcess(self._shared, self.main_loop_interrupt.set)
            self._shadow.start()
            print_line(f"the bundle is now {self._sealed.digest[:12]}")
        else:
            self._retire(coming)
            self._shared, self._sealed, self._spawned = before
            print_line(f"the bundle was not replaced: {self._sealed.digest[:12]} stays")

    def _wait(self, seconds: float, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not self.interrupt_signal and time.monotonic() < deadline and not done():
            time.sleep(_LOOK_SECONDS)

    def _retire(self, workers: list[Any]) -> None:
        """Let workers finish accepted requests, beside those that take new ones."""
        for each in workers:
            each.terminate()
        patience = threading.Timer(_PATIENCE, lambda: [each.kill() for each in workers if each.is_alive()])
        patience.daemon = True
        patience.start()
        self._retired = [each for each in (*self._retired, *workers) if each.is_alive()]

    def _stop_workers(self) -> None:
        """End every worker, retired ones within the same time; then the shadow, which scores what they left."""
        super()._stop_workers()  # type: ignore[no-untyped-call]
        for each in self._retired:
            if each.is_alive():
                each.kill()
        self._shadow.end()

    def _is_ready(self) -> bool:
        return all(self._state(worker_index) is State.READY for worker_index in range(self.workers))

    def _state(self, worker_index: int) -> State:
        return self._shared.board.state(self._section(worker_index))

    def _section(self, worker_index: int) -> int:
        return worker_index + self.workers * ((self._spawned[worker_index] - 1) % 2)

    def _announce(self) -> None:
        settings, manifest = self._shared.settings, self._sealed.manifest
        workers = f"{self.workers} worker{'s' if self.workers > 1 else ''}"
        shadowing = self._shared.shadowing
        shadow = f"shadow {shadowing.sealed.digest[:12]}, " if shadowing else ""
        print_line(
            f"ready after {time.time() - self._shared.started:.2f} s: model {manifest.problem}, "
            f"bundle {self._sealed.digest[:12]}, {shadow}{workers}, keys: {settings.auth}, log: {settings.log}/"
        )
        print_line(f"try it on http://{self._bind_addr_fmt}/ (ctrl-c ends it)")


def _read_shadow_again(settings: ServingSettings, sealed: SealedBundle) -> SealedBundle | None:
    """Return the shadow of a bundle that replaces another one; a shadow that is damaged does not stop that."""
    try:
        return read_shadow(settings, sealed)
    except SlipwayError as error:
        print_line(f"no shadow. {error}")
        return None
