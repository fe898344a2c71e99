"""`POST /predict`: one row or many, as JSON objects of the contract."""

from typing import Any

import msgspec

from slipway.bundle import Bundle, Manifest
from slipway.bundle.predictions import LABEL, SCORE, SCORES, class_text
from slipway.problem import Task
from slipway.serving.api.predictor import Answer, Predictor
from slipway.serving.api.rows import RowReader
from slipway.serving.request import Handler, Reply, Request, require_json


def make_predict_handler(predictor: Predictor, rows: RowReader) -> Handler:
    """The route's handler."""
    shape = prediction_formatter(predictor.bundle.manifest)
    model = msgspec.json.encode(describe_model(predictor.bundle))
    encode = msgspec.json.Encoder().encode
    one_end = b',"model":' + model + b"}"
    many_end = b'],"model":' + model + b"}"

    def predict(request: Request) -> Reply:
        require_json(request.environ)
        found = rows.read(request.body)
        if isinstance(found, list):
            answers = [shape(answer) for answer in predictor.many(found, request.began)]
            return Reply(b'{"predictions":' + encode(answers)[:-1] + many_end)
        answer = predictor.one(found, request.began)
        return Reply(encode(shape(answer))[:-1] + one_end, request_id=answer.id)

    return predict


def describe_model(bundle: Bundle) -> dict[str, str]:
    """How an answer names the model that gave it."""
    return {"name": bundle.manifest.problem, "digest": bundle.digest}


def prediction_formatter(manifest: Manifest) -> Any:
    """The function that gives an answer the names of its task: score, label; scores by class, label; or score."""
    names = [*map(class_text, manifest.classes)]

    def binary(answer: Answer) -> dict[str, Any]:
        return {"prediction_id": answer.id, SCORE: answer.score, LABEL: answer.label}

    def multiclass(answer: Answer) -> dict[str, Any]:
        scores = dict(zip(names, answer.score, strict=True))
        return {"prediction_id": answer.id, SCORES: scores, LABEL: answer.label}

    def regression(answer: Answer) -> dict[str, Any]:
        return {"prediction_id": answer.id, SCORE: answer.score}

    return {Task.BINARY: binary, Task.MULTICLASS: multiclass, Task.REGRESSION: regression}[manifest.task]
