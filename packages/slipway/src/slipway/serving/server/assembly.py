"""Assemble the application of a worker: bundle, log, metrics, routes."""

from slipway.bundle import Bundle
from slipway.serving.api.feedback import make_feedback_handler
from slipway.serving.api.predict import make_predict_handler
from slipway.serving.api.predictor import Predictor
from slipway.serving.api.rows import RowReader
from slipway.serving.app.application import App, Limits, Wsgi
from slipway.serving.app.health import Health
from slipway.serving.app.keys import Keyring
from slipway.serving.app.shared import Shared
from slipway.serving.log import LogWriter
from slipway.serving.metrics.recorder import Recorder, Route
from slipway.serving.protocols.mlflow_invocations import make_invocations_handler
from slipway.serving.protocols.open_inference import make_infer_handler
from slipway.serving.protocols.open_inference_documents import model_paths
from slipway.serving.settings import Auth


def assemble_app(shared: Shared, section: int, bundle: Bundle, log: LogWriter) -> App:
    """Return the WSGI application of the worker that counts in `section` of the board."""
    settings = shared.settings
    recorder = Recorder(shared.families, shared.board.counts(section))
    predictor = Predictor(bundle, log, recorder, settings)
    rows = RowReader(bundle, settings.max_rows)
    infer = make_infer_handler(predictor, rows, settings.max_rows)
    scoring = {
        "/predict": (Route.PREDICT, make_predict_handler(predictor, rows)),
        "/invocations": (
            Route.INVOCATIONS,
            make_invocations_handler(predictor, rows, settings.max_rows),
        ),
        **{f"{path}/infer": (Route.INFER, infer) for path in model_paths(bundle)},
        "/feedback": (Route.FEEDBACK, make_feedback_handler(predictor, recorder, settings.max_rows)),
    }

    def site() -> Wsgi:
        # Importing Flask takes a third of the start, and most requests never need it.
        from slipway.serving.site.routes import make_site

        return make_site(shared, bundle, recorder, log.probe)

    keyring = Keyring(settings.api_keys_file) if settings.auth is Auth.KEYS and settings.api_keys_file else None
    health = Health(shared.board, log, settings.when_log_fails, settings.instance)
    limits = Limits(settings.max_body_kb << 10, settings.max_concurrency)
    return App(scoring, health, site, keyring, recorder, limits, shared.board)
