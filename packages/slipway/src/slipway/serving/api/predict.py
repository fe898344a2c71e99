"""`POST /predict`: one row or many, as JSON objects of the contract."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.bundle import Bundle, Manifest
from slipway.bundle.predictions import LABEL, SCORE, SCORES, class_text, prediction_keys
from slipway.problem import Task
from slipway.serving.api.predictor import Answer, Predictor
from slipway.serving.api.rows import RowReader
from slipway.serving.identifiers import Identifier
from slipway.serving.request import Handler, Reply, Request, require_json

Probability = Annotated[float, Meta(ge=0, le=1)]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model that predicts: the problem's name and the bundle's digest."""

    name: str
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class VersionResponse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model served, `since` the start of the service, by so many worker processes."""

    model: Model
    task: Task
    since: Annotated[datetime, Meta(tz=True)]
    workers: Annotated[int, Meta(ge=1)]


def make_predict_handler(predictor: Predictor, rows: RowReader) -> Handler:
    """Return the handler of the route."""
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


def describe_model(bundle: Bundle) -> Model:
    """Name the model that gives an answer."""
    return Model(bundle.manifest.problem, bundle.digest)


def name_outcome(manifest: Manifest, words: str) -> str:
    """Say what a score is of: in the operator's words, else by the problem's name and its positive class."""
    if words or manifest.task is not Task.BINARY:
        return words or manifest.problem
    return f"{manifest.problem} = {class_text(manifest.classes[-1])}"


def prediction_structs(manifest: Manifest, outcome: str) -> tuple[type[msgspec.Struct], ...]:
    """Describe what `prediction_formatter` writes: a prediction, and the responses for one row and for many.

    `outcome` says in words what a score is of.
    """
    one = {"prediction_id": Identifier, **_score_and_label(manifest, outcome)}
    prediction = _struct("Prediction", "The prediction of a row.", one)
    many = {"predictions": Annotated[list[prediction], Meta(min_length=1)], "model": Model}  # type: ignore[valid-type]
    return (
        prediction,
        _struct("PredictResponse", "The prediction of the row that was sent.", {**one, "model": Model}),
        _struct("BatchPredictResponse", "The predictions of the rows that were sent, in their order.", many),
    )


def _score_and_label(manifest: Manifest, outcome: str) -> dict[str, Any]:
    if manifest.task is Task.REGRESSION:
        return {SCORE: Annotated[float, Meta(description=f"Predicted value: {outcome}.")]}
    names = [*map(class_text, manifest.classes)]
    scores: Any
    if manifest.task is Task.MULTICLASS:
        fields = {f"class_{number}": Probability for number, _ in enumerate(names)}
        scores = _struct("Scores", "The probability of each class.", fields, dict(zip(fields, names, strict=True)))
        chosen = "The class with the highest probability."
    else:
        scores = Annotated[Probability, Meta(description=f"Probability: {outcome}.")]
        chosen = f"{names[-1]} from a score of {manifest.threshold:g} on."
    label = Annotated[Any, Meta(description=chosen, extra_json_schema={"enum": list(manifest.classes)})]
    return dict(zip(prediction_keys(manifest), (scores, label), strict=True))


def _struct(
    name: str, description: str, fields: dict[str, Any], rename: dict[str, str] | None = None
) -> type[msgspec.Struct]:
    docstring = {"__doc__": description}
    return msgspec.defstruct(name, [*fields.items()], forbid_unknown_fields=True, namespace=docstring, rename=rename)


def prediction_formatter(manifest: Manifest) -> Any:
    """Return the function that writes an answer with the keys of the task, as `prediction_structs` describes them."""
    names = [*map(class_text, manifest.classes)]

    def binary(answer: Answer) -> dict[str, Any]:
        return {"prediction_id": answer.id, SCORE: answer.score, LABEL: answer.label}

    def multiclass(answer: Answer) -> dict[str, Any]:
        scores = dict(zip(names, answer.score, strict=True))
        return {"prediction_id": answer.id, SCORES: scores, LABEL: answer.label}

    def regression(answer: Answer) -> dict[str, Any]:
        return {"prediction_id": answer.id, SCORE: answer.score}

    return {Task.BINARY: binary, Task.MULTICLASS: multiclass, Task.REGRESSION: regression}[manifest.task]
