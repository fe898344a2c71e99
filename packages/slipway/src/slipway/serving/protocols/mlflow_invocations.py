"""`POST /invocations`: the protocol of MLflow's scoring server, which SageMaker speaks as well."""

from collections.abc import Callable
from typing import Any

import msgspec

from slipway.bundle import Manifest
from slipway.problem import Task
from slipway.serving.api.predictor import Answer, Predictor
from slipway.serving.api.rows import RowReader
from slipway.serving.problems import Reason, Refusal
from slipway.serving.protocols.mlflow_csv import read_csv
from slipway.serving.protocols.mlflow_json import read_json
from slipway.serving.request import JSON, Handler, Reply, Request, media_type

CSV = "text/csv"
_READERS = {JSON: read_json, CSV: read_csv}


def make(predictor: Predictor, rows: RowReader, max_rows: int) -> Handler:
    """The route's handler."""
    fields = predictor.bundle.fields
    shape = shape_of(predictor.bundle.manifest)
    encode = msgspec.json.Encoder().encode

    def invocations(request: Request) -> Reply:
        read = _READERS.get(media_type(request.environ))
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


def shape_of(manifest: Manifest) -> Callable[[Answer], dict[str, Any]]:
    """The function that gives an answer the columns of the registered model, and last its identifier for feedback."""
    names = [f"score_{name}" for name in manifest.classes]

    def binary(answer: Answer) -> dict[str, Any]:
        return {"score": answer.score, "label": answer.label, "prediction_id": answer.id}

    def multiclass(answer: Answer) -> dict[str, Any]:
        return {**dict(zip(names, answer.score, strict=True)), "label": answer.label, "prediction_id": answer.id}

    def regression(answer: Answer) -> dict[str, Any]:
        return {"score": answer.score, "prediction_id": answer.id}

    return {Task.BINARY: binary, Task.MULTICLASS: multiclass, Task.REGRESSION: regression}[manifest.task]
