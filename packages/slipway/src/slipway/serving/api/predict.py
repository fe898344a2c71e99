"""`POST /predict`: one row or many, as JSON objects of the contract."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.bundle import Bundle, Manifest
from slipway.bundle.predictions import LABEL, SCORES, class_text, prediction_columns
from slipway.problem import Task
from slipway.serving.api.predictor import Predictor
from slipway.serving.api.rows import RowReader
from slipway.serving.identifiers import Identifier
from slipway.serving.request import Handler, Reply, Request, require_json

Probability = Annotated[float, Meta(ge=0, le=1)]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The model that predicts: the problem's name and the bundle's digest."""

    name: str
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class VersionResponse(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The model served, `since` the start of the service, by so many worker processes; the model that shadows it."""

    model: Model
    task: Task
    since: Annotated[datetime, Meta(tz=True)]
    workers: Annotated[int, Meta(ge=1)]
    shadow: Model | None = None


def make_predict_handler(predictor: Predictor, rows: RowReader) -> Handler:
    """Return the handler of the route."""
    shape = _formatter(predictor.bundle.manifest)
    model = msgspec.json.encode(describe_model(predictor.bundle))
    encode = msgspec.json.Encoder().encode
    one_end = b',"model":' + model + b"}"
    many_end = b'],"model":' + model + b"}"

    def predict(request: Request) -> Reply:
        require_json(request.environ)
        found = rows.read(request.body)
        if found.many:
            answers = predictor.many(found, request)
            body = b'{"predictions":' + encode([*map(shape, *answers)])[:-1] + many_end
            return Reply(body, request_id=answers.ids[0])
        answer = predictor.one(found.rows[0], request)
        return Reply(encode(shape(*answer))[:-1] + one_end, request_id=answer.id)

    return predict


def describe_model(bundle: Bundle) -> Model:
    """Name the model that gives an answer."""
    return Model(bundle.manifest.problem, bundle.digest)


def name_outcome(manifest: Manifest) -> str:
    """Say what a score is of: in the problem's words, else by its name and its positive class."""
    if manifest.outcome or manifest.task is not Task.BINARY:
        return manifest.outcome or manifest.problem
    return f"{manifest.problem} = {class_text(manifest.classes[-1])}"


def prediction_types(manifest: Manifest) -> dict[str, Any]:
    """Return the columns of a prediction, those of the registered model, with their types."""
    words = name_outcome(manifest)
    chosen = "The class with the highest probability."
    scores: list[Any] = [Probability] * len(manifest.classes)
    if manifest.task is Task.REGRESSION:
        scores = [Annotated[float, Meta(description=f"Predicted value: {words}.")]]
    elif manifest.task is Task.BINARY:
        scores = [Annotated[Probability, Meta(description=f"Probability: {words}.")]]
        chosen = f"{class_text(manifest.classes[-1])} from a score of {manifest.threshold:g} on."
    label = Annotated[Any, Meta(description=chosen, extra_json_schema={"enum": list(manifest.classes)})]
    return dict(zip(prediction_columns(manifest), (*scores, label), strict=False))


def prediction_struct(manifest: Manifest) -> type[msgspec.Struct]:
    """Return the struct of a prediction: its identifier, and the parts that the task has."""
    types = prediction_types(manifest)
    if manifest.task is Task.MULTICLASS:
        classes = zip(map(class_text, manifest.classes), types.values(), strict=False)
        types = {SCORES: make_struct("Scores", dict(classes)), LABEL: types[LABEL]}
    return make_struct("Prediction", {"prediction_id": Identifier, **types})


def make_struct(name: str, types: dict[str, Any]) -> type[msgspec.Struct]:
    """Return a struct whose keys may be any text."""
    keys = {f"field_{number}": key for number, key in enumerate(types)}
    return msgspec.defstruct(name, [*zip(keys, types.values(), strict=True)], rename=keys, forbid_unknown_fields=True)


def response_structs(prediction: type[msgspec.Struct]) -> tuple[type[msgspec.Struct], ...]:
    """Return the structs of the responses: to one row, and to many."""
    rows = Annotated[list[prediction], Meta(min_length=1)]  # type: ignore[valid-type]
    return (
        msgspec.defstruct("PredictResponse", [("model", Model)], bases=(prediction,)),
        msgspec.defstruct(
            "BatchPredictResponse", [("predictions", rows), ("model", Model)], forbid_unknown_fields=True
        ),
    )


def _formatter(manifest: Manifest) -> Callable[[str, Any, Any], msgspec.Struct]:
    """Return the function that makes the parts of the task from identifier, score and label."""
    struct: Any = prediction_struct(manifest)
    names = [*map(class_text, manifest.classes)]
    return {
        Task.BINARY: struct,
        Task.MULTICLASS: lambda name, score, label: struct(name, dict(zip(names, score, strict=True)), label),
        Task.REGRESSION: lambda name, score, _: struct(name, score),
    }[manifest.task]
