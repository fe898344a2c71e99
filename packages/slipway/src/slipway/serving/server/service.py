"""`slipway serve`: verify the bundle, take the port, and run the supervisor until the service is told to end."""

import multiprocessing
import socket
import sys
import time

import msgspec

from slipway.bundle.verify import read_sealed
from slipway.serving.app.keys import read_keys
from slipway.serving.app.shared import share_state
from slipway.serving.server.granian_worker import serve_app
from slipway.serving.server.port import end_on_signals, end_with_holder, listen_on, receive_listener
from slipway.serving.server.resources import fit_connections, fit_workers, read_limits
from slipway.serving.server.supervisor import Supervisor
from slipway.serving.settings import ServingSettings, verify_auth
from slipway.serving.shadow.sealed import read_shadow


def serve_bundle(settings: ServingSettings) -> None:
    """Serve the bundle until SIGTERM or SIGINT; returns when every accepted request is answered and logged.

    Raises `BundleError` and `SettingsError` before anything listens; exits with 1 if no worker can be started.
    """
    began = time.time()
    end_on_signals(sys.exit)
    sealed = read_sealed(settings.bundle)
    shadow = read_shadow(settings, sealed)
    if settings.auth == "keys" and settings.api_keys_file:
        read_keys(settings.api_keys_file)
    settings = fit_connections(fit_workers(settings, sealed, read_limits()))
    listener = _listener(settings)
    shared = share_state(settings, sealed, began, shadow)
    multiprocessing.set_start_method("fork", force=True)
    Supervisor(shared, sealed, listener).serve(serve_app)


def _listener(settings: ServingSettings) -> socket.socket | None:
    """Return the socket that a holder listens on, None where the service listens itself."""
    if settings.listener is None:
        if settings.share_port == "off":
            listen_on(settings.host, settings.port).close()
        return None
    listener, holder = receive_listener(settings.listener)
    verify_auth(msgspec.structs.replace(settings, host=listener.getsockname()[0], listener=None))
    # Accepted requests are finished; the init system or orchestrator starts the service again, for the next holder.
    end_with_holder(holder)
    return listener
