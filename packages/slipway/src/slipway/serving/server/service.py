"""`slipway serve`: verify the bundle, take the port, and run the supervisor until the service is told to end."""

import multiprocessing
import os
import signal
import socket
import sys
import time

import msgspec

from slipway.bundle.verify import read_sealed
from slipway.serving.app.shared import share_state
from slipway.serving.console import print_line
from slipway.serving.server.port import SIGNALS, call_when_released, receive_listener, resolve_host, verify_free_port
from slipway.serving.server.supervisor import Supervisor
from slipway.serving.settings import ServingSettings, verify_auth


def serve_bundle(settings: ServingSettings) -> None:
    """Serve the bundle until SIGTERM or SIGINT; returns when every accepted request is answered and logged.

    Raises `BundleError` and `SettingsError` before anything listens; exits with 1 if no worker can be started.
    """
    began = time.time()
    for number in SIGNALS:
        signal.signal(number, lambda *_: sys.exit(0))
    # The image starts this with SIGTERM blocked, because the first process of a container loses what it cannot handle.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    sealed = read_sealed(settings.bundle)
    listener = _listener(settings)
    shared = share_state(settings, sealed, began)
    multiprocessing.set_start_method("fork", force=True)
    Supervisor(shared, sealed, listener).serve()


def _listener(settings: ServingSettings) -> socket.socket | None:
    """Return the socket that a holder listens on, None where the service listens itself."""
    if settings.listener is None:
        if settings.share_port == "off":
            verify_free_port(resolve_host(settings.host, settings.port), settings.port)
        return None
    listener, host = receive_listener(settings.listener)
    verify_auth(msgspec.structs.replace(settings, host=listener.getsockname()[0], listener=None))
    # Accepted requests are finished; whoever started this service starts it again, for the next holder.
    call_when_released(host, _leave)
    return listener


def _leave() -> None:
    print_line("the holder of the port has ended")
    os.kill(os.getpid(), signal.SIGTERM)
