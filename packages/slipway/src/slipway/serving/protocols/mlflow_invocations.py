"""`POST /invocations`: the protocol of MLflow's scoring server and of SageMaker."""

from collections.abc import Callable
from typing import Any

import msgspec

from slipway.bundle import Manifest
from slipway.bundle.predictions import prediction_columns
from slipway.problem import Task
from slipway.serving.api.predictor import Answer, Predictor
from slipway.serving.api.rows import RowReader
from slipway.serving.problems import Reason, Refusal
from slipway.serving.protocols.mlflow_csv import read_csv
from slipway.serving.protocols.mlflow_json import read_json
from slipway.serving.request import JSON, Handler, Reply, Request, read_media_type

CSV = "text/csv"
_READERS = {JSON: read_json, CSV: read_csv}


def make_invocations_handler(predictor: Predictor, rows: RowReader, max_rows: int) -> Handler:
    """Return the handler of the route."""
    fields = predictor.bundle.fields
    shape = row_formatter(predictor.bundle.manifest)
    encode = msgspec.json.Encoder().encode

    def invocations(request: Request) -> Reply:
        read = _READERS.get(read_media_type(request.environ))
        if read is None:
            raise Refusal(415, Reason.CONTENT_TYPE, f"Expected Content-Type: {JSON} or {CSV}.")
        if read is read_csv and "CONTENT_LENGTH" not in request.environ:
            # Truncated JSON is malformed, but CSV truncated at the end of a line looks complete.
            raise Refusal(411, Reason.INCOMPLETE, "Expected a Content-Length, without which truncated CSV looks whole.")
        found = rows.convert(read(request.body, fields, max_rows))
        if len(found) == 1:
            answer = predictor.one(found[0], request.began)
            return Reply(b'{"predictions":[' + encode(shape(answer)) + b"]}", request_id=answer.id)
        answers = [shape(answer) for answer in predictor.many(found, request.began)]
        return Reply(b'{"predictions":' + encode(answers) + b"}")

    return invocations


def row_formatter(manifest: Manifest) -> Callable[[Answer], dict[str, Any]]:
    """Return the function that writes an answer by the columns of the registered model, then its prediction_id."""
    names = prediction_columns(manifest)
    many = manifest.task is Task.MULTICLASS

    def shape(answer: Answer) -> dict[str, Any]:
        scores = answer.score if many else (answer.score,)
        # Without classes there is no column for the label.
        return {**dict(zip(names, (*scores, answer.label), strict=False)), "prediction_id": answer.id}

    return shape
