"""`POST /invocations`: the protocol of MLflow's scoring server and of SageMaker."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.bundle import Manifest
from slipway.problem import Task
from slipway.serving.api.predict import make_struct, prediction_types
from slipway.serving.api.predictor import Answer, Predictor
from slipway.serving.api.rows import RowReader
from slipway.serving.identifiers import Identifier
from slipway.serving.problems import Reason, Refusal
from slipway.serving.protocols.mlflow_csv import read_csv
from slipway.serving.protocols.mlflow_json import read_json
from slipway.serving.request import JSON, Handler, Reply, Request, read_media_type

CSV = "text/csv"
_READERS = {JSON: read_json, CSV: read_csv}


def make_invocations_handler(predictor: Predictor, rows: RowReader, max_rows: int) -> Handler:
    """Return the handler of the route."""
    fields = predictor.bundle.fields
    shape = _formatter(predictor.bundle.manifest)
    encode = msgspec.json.Encoder().encode

    def invocations(request: Request) -> Reply:
        read = _READERS.get(read_media_type(request.environ))
        if read is None:
            raise Refusal(Reason.CONTENT_TYPE, f"Expected Content-Type: {JSON} or {CSV}.")
        if read is read_csv and "CONTENT_LENGTH" not in request.environ:
            # Truncated JSON is malformed, but CSV truncated at the end of a line looks complete.
            said = "Expected a Content-Length, without which truncated CSV looks whole."
            raise Refusal(Reason.INCOMPLETE, said, status=411)
        found = rows.convert(read(request.body, fields, max_rows))
        if len(found) == 1:
            answer = predictor.one(found[0], request.began)
            return Reply(b'{"predictions":[' + encode(shape(answer)) + b"]}", request_id=answer.id)
        answers = [shape(answer) for answer in predictor.many(found, request.began)]
        return Reply(b'{"predictions":' + encode(answers) + b"}")

    return invocations


def invocations_response(manifest: Manifest, outcome: str = "") -> type[msgspec.Struct]:
    """Return the struct of a response."""
    row = _row_struct(manifest, outcome)
    return make_struct("InvocationsResponse", {"predictions": Annotated[list[row], Meta(min_length=1)]})  # type: ignore[valid-type]


def _row_struct(manifest: Manifest, outcome: str = "") -> type[msgspec.Struct]:
    """Return the struct of a prediction: the columns of the registered model, then its identifier."""
    return make_struct("InvocationsRow", prediction_types(manifest, outcome) | {"prediction_id": Identifier})


def _formatter(manifest: Manifest) -> Callable[[Answer], msgspec.Struct]:
    struct: Any = _row_struct(manifest)
    return {
        Task.BINARY: lambda answer: struct(answer.score, answer.label, answer.id),
        Task.MULTICLASS: lambda answer: struct(*answer.score, answer.label, answer.id),
        Task.REGRESSION: lambda answer: struct(answer.score, answer.id),
    }[manifest.task]
