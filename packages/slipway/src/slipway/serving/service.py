"""Put a worker's service together: bundle, log, counts, routes."""

from typing import NamedTuple

from slipway.bundle import Bundle
from slipway.serving.api import feedback, inference, inference_metadata, invocations, predict
from slipway.serving.api.predictor import Predictor
from slipway.serving.api.rows import RowReader
from slipway.serving.front.app import App, Limits, Wsgi
from slipway.serving.front.health import Health
from slipway.serving.front.keys import Keyring
from slipway.serving.log import LogWriter
from slipway.serving.metrics.board import Board
from slipway.serving.metrics.recorder import Family, Recorder, Route
from slipway.serving.settings import Auth, ServingSettings


class Shared(NamedTuple):
    """What all workers of a service have in common; `started` is in seconds since the epoch."""

    settings: ServingSettings
    board: Board
    families: tuple[Family, ...]
    started: float


def build(shared: Shared, section: int, bundle: Bundle, log: LogWriter) -> App:
    """The WSGI application of the worker that counts in `section`; it has answered once when this returns."""
    settings = shared.settings
    recorder = Recorder(shared.families, shared.board.counts(section))
    predictor = Predictor(bundle, log, recorder, settings)
    rows = RowReader(bundle, settings.max_rows)
    infer = inference.make(predictor, rows, settings.max_rows)
    scoring = {
        "/predict": (Route.PREDICT, predict.make(predictor, rows)),
        "/invocations": (Route.INVOCATIONS, invocations.make(predictor, rows, settings.max_rows)),
        **{f"{path}/infer": (Route.INFER, infer) for path in inference_metadata.model_paths(bundle)},
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
