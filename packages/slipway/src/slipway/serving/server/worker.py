"""A worker process: takes the bundle that its parent verified, scores its golden rows again, and serves it."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from slipway.bundle import Bundle
from slipway.bundle.verify import SealedBundle, start_bundle
from slipway.errors import SlipwayError
from slipway.serving.api.feedback import make_feedback_handler
from slipway.serving.api.predict import make_predict_handler
from slipway.serving.api.predictor import Predictor
from slipway.serving.api.rows import RowReader
from slipway.serving.app.application import App, Wsgi
from slipway.serving.app.shared import Shared, State
from slipway.serving.console import print_line
from slipway.serving.log import LogWriter
from slipway.serving.log.maintenance import LogMaintenance
from slipway.serving.metrics.recorder import Recorder, Route
from slipway.serving.protocols.mlflow import make_invocations_handler
from slipway.serving.protocols.open_inference import make_infer_handler
from slipway.serving.protocols.open_inference_documents import model_paths
from slipway.serving.server.port import end_on_signals
from slipway.serving.server.watch import LoadWatch
from slipway.serving.settings import ServingSettings

REFUSED = 3
_OOM_SCORE = "500"


def run_worker(
    serve: Callable[..., None], shared: Shared, sealed: SealedBundle, section: int, parent: int, *granian: Any
) -> None:
    """Serve until told to stop, with the prediction log closed at the end; `serve` and `granian` are the server's own.

    The parent forks with signals blocked: until the server has its own handlers, a signal ends this process at once,
    because there is no request yet that could be lost.
    """
    end_on_signals(os._exit)
    # Where memory runs out the system ends a worker, which is replaced, before the parent.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    log = LogWriter(shared.settings)
    stop = threading.Event()
    maintenance = threading.Thread(target=_maintain_log, args=(log, shared, stop, parent), daemon=True)

    def load() -> App:
        app = _open(shared, sealed, section, log)
        maintenance.start()
        return app

    worker_id, process_name, _, *rest = granian
    try:
        serve(worker_id, process_name, load, *rest)
    finally:
        stop.set()
        log.close()


def _open(shared: Shared, sealed: SealedBundle, section: int, log: LogWriter) -> App:
    try:
        bundle = start_bundle(sealed)
        if shared.settings.when_log_fails == "closed":
            _verify_log(log, shared.settings)
    except SlipwayError as error:
        shared.board.set_state(section, State.REFUSED)
        print_line(str(error))
        os._exit(REFUSED)
    app = assemble_app(shared, section, bundle, log)
    LoadWatch(app, shared, section).start()
    shared.board.set_state(section, State.READY)
    return app


def assemble_app(shared: Shared, section: int, bundle: Bundle, log: LogWriter) -> App:
    """Return the application of the worker that counts in `section` of the board: bundle, log, metrics, routes."""
    settings = shared.settings
    recorder = Recorder(shared.families, shared.board.counts(section))
    queue = shared.shadowing.queues[section] if shared.shadowing else None
    predictor = Predictor(bundle, log, recorder, settings, queue)
    rows = RowReader(bundle, settings.max_rows)
    infer = make_infer_handler(predictor, rows)
    scoring = {
        "/predict": (Route.PREDICT, make_predict_handler(predictor, rows)),
        "/invocations": (Route.INVOCATIONS, make_invocations_handler(predictor, rows)),
        **{f"{path}/infer": (Route.INFER, infer) for path in model_paths(bundle)},
        "/feedback": (Route.FEEDBACK, make_feedback_handler(predictor, recorder, settings.max_rows)),
    }

    def site() -> Wsgi:
        # Importing Flask takes a third of the start, and most requests never need it.
        from slipway.serving.site.routes import make_site

        return make_site(shared, bundle, recorder, log.probe)

    return App(shared, recorder, log, scoring, site)


def _verify_log(log: LogWriter, settings: ServingSettings) -> None:
    try:
        log.check()
    except OSError as error:
        raise SlipwayError(
            f"The prediction log cannot be written: {error.strerror or error}. Expected {settings.log} to be a folder "
            f"on a disk with space that this user (uid {os.getuid()}) may write. Set SLIPWAY_LOG to another folder, or "
            "SLIPWAY_WHEN_LOG_FAILS=open to respond without a log."
        ) from error


def _maintain_log(log: LogWriter, shared: Shared, stop: threading.Event, parent: int) -> None:
    """Look after the log until this worker ends, and end this process once its parent has ended."""
    maintenance = LogMaintenance(log, shared.settings, shared.board.may_print)
    while not stop.wait(maintenance.pause):
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        maintenance.run()
