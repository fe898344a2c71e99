"""`POST /invocations`: the protocol of MLflow's scoring server, of SageMaker and of Vertex AI.

Rows are JSON in one of four forms, JSON lines, or CSV, with values as pandas has them; answers are JSON unless the
client prefers JSON lines or CSV.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.bundle import Manifest
from slipway.problem import Task
from slipway.serving.api.predict import make_struct, prediction_types
from slipway.serving.api.predictor import Answer, Predictor
from slipway.serving.api.rows import RowReader
from slipway.serving.error_responses import Reason, Refusal
from slipway.serving.identifiers import Identifier
from slipway.serving.protocols.csv_rows import CSV, read_csv_rows, write_csv
from slipway.serving.protocols.mlflow_rows import read_json_lines, read_json_rows
from slipway.serving.request import JSON, Handler, Reply, Request, read_media_type

# SageMaker's name first; the others are in use.
JSON_LINES = ("application/jsonlines", "application/jsonl", "application/x-jsonlines", "application/x-ndjson")
_READERS = {JSON: read_json_rows, **dict.fromkeys(JSON_LINES, read_json_lines), CSV: read_csv_rows}


def make_invocations_handler(predictor: Predictor, rows: RowReader) -> Handler:
    """Return the handler of the route."""
    fields = predictor.bundle.fields
    shape = _formatter(predictor.bundle.manifest)
    encode = msgspec.json.Encoder().encode

    def invocations(request: Request) -> Reply:
        kind = read_media_type(request.environ)
        if kind not in _READERS:
            raise Refusal(Reason.CONTENT_TYPE, f"Expected Content-Type: {JSON}, {JSON_LINES[0]} or {CSV}.")
        if kind != JSON and "CONTENT_LENGTH" not in request.environ:
            # Truncated JSON is malformed, but lines truncated at the end of one look complete.
            detail = "Expected a Content-Length, without which truncated CSV or JSON lines look whole."
            raise Refusal(Reason.INCOMPLETE, detail, status=411)
        found = rows.convert(_READERS[kind](request.body, fields, rows.max_rows))
        answers = predictor.predict(found, request)
        own = answers[0].id if len(answers) == 1 else None
        shaped = [*map(shape, answers)]
        preferred = choose_media_type(request.environ.get("HTTP_ACCEPT", ""))
        if preferred == JSON:
            return Reply(b'{"predictions":' + encode(shaped) + b"}", request_id=own)
        return _reply_in_lines(shaped, preferred, own)

    return invocations


def choose_media_type(accept: str) -> str:
    """Return the media type that an Accept header prefers, with its parameters; JSON if it names none of ours."""
    best, most = JSON, 0.0
    for given in accept.split(",") if CSV in accept or "json" in accept else ():
        kind, *parameters = (part.strip().lower() for part in given.split(";"))
        weights = [part.removeprefix("q=") for part in parameters if part.startswith("q=")]
        weight = _weight(weights[0]) if weights else 1.0
        if kind in _READERS and weight > most:
            best, most = ";".join([kind, *(part for part in parameters if part == "header=absent")]), weight
    return best


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _reply_in_lines(shaped: Sequence[msgspec.Struct], preferred: str, request_id: str | None) -> Reply:
    kind, _, absent = preferred.partition(";")
    if kind == CSV:
        names = shaped[0].__struct_encode_fields__
        table = write_csv(names, map(msgspec.structs.astuple, shaped), header=not absent)
        return Reply(table, f"{CSV}; charset=utf-8", request_id=request_id)
    return Reply(msgspec.json.Encoder().encode_lines(shaped), kind, request_id=request_id)


def invocations_response(manifest: Manifest) -> type[msgspec.Struct]:
    """Return the struct of a response."""
    row: Any = _row_struct(manifest)
    return make_struct("InvocationsResponse", {"predictions": Annotated[list[row], Meta(min_length=1)]})


def _row_struct(manifest: Manifest) -> Any:
    """Return the struct of a prediction: the columns of the registered model, then its identifier."""
    return make_struct("InvocationsRow", prediction_types(manifest) | {"prediction_id": Identifier})


def _formatter(manifest: Manifest) -> Callable[[Answer], msgspec.Struct]:
    struct = _row_struct(manifest)
    return {
        Task.BINARY: lambda answer: struct(answer.score, answer.label, answer.id),
        Task.MULTICLASS: lambda answer: struct(*answer.score, answer.label, answer.id),
        Task.REGRESSION: lambda answer: struct(answer.score, answer.id),
    }[manifest.task]
