"""Put a worker's service together: bundle, log, counts, routes."""

from slipway.bundle import Bundle
from slipway.serving.api import feedback, predict
from slipway.serving.api.predictor import Predictor
from slipway.serving.api.rows import RowReader
from slipway.serving.app.application import App, Limits, Wsgi
from slipway.serving.app.health import Health
from slipway.serving.app.keys import Keyring
from slipway.serving.app.shared import Shared
from slipway.serving.log import LogWriter
from slipway.serving.metrics.recorder import Recorder, Route
from slipway.serving.protocols import mlflow_invocations, open_inference, open_inference_metadata
from slipway.serving.settings import Auth


def build(shared: Shared, section: int, bundle: Bundle, log: LogWriter) -> App:
    """The WSGI application of the worker that counts in `section`; it has answered once when this returns."""
    settings = shared.settings
    recorder = Recorder(shared.families, shared.board.counts(section))
    predictor = Predictor(bundle, log, recorder, settings)
    rows = RowReader(bundle, settings.max_rows)
    infer = open_inference.make(predictor, rows, settings.max_rows)
    scoring = {
        "/predict": (Route.PREDICT, predict.make(predictor, rows)),
        "/invocations": (Route.INVOCATIONS, mlflow_invocations.make(predictor, rows, settings.max_rows)),
        **{f"{path}/infer": (Route.INFER, infer) for path in open_inference_metadata.model_paths(bundle)},
        "/feedback": (Route.FEEDBACK, feedback.make(predictor, recorder, settings.max_rows)),
    }

    def site() -> Wsgi:
        # Flask takes a third of the time that a start takes, and most requests never need it.
        from slipway.serving.site.routes import make_site

        return make_site(shared, bundle, recorder, log.probe)

    keyring = Keyring(settings.api_keys_file) if settings.auth is Auth.KEYS and settings.api_keys_file else None
    health = Health(shared.board, log, settings.when_log_fails, settings.instance)
    limits = Limits(settings.max_body_kb << 10, settings.max_concurrency)
    return App(scoring, health, site, keyring, recorder, limits, shared.board)
