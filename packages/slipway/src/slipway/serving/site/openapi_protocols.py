"""The protocols of other serving tools in the OpenAPI document: MLflow's, and the Open Inference Protocol v2.

Both let clients say one thing in many ways. What stands here is one of them, exactly, so that what fits it is taken.
Other orders of columns, tensors of several rows and bytes behind the JSON are taken as well, as the descriptions say.
"""

from typing import Any

from slipway.bundle import Bundle, Manifest
from slipway.bundle.predictions import SCORES, score_columns
from slipway.contract import Field, Kind
from slipway.problem import Task
from slipway.serving.protocols.open_inference_metadata import (
    Output,
    model_metadata,
    model_paths,
    model_readiness,
    model_version,
    output_tensors,
    tensor_datatype,
)
from slipway.serving.settings import ServingSettings
from slipway.serving.site import schema
from slipway.serving.site.openapi_parts import ASKING, LOOKING, json, operation, ref, response
from slipway.serving.site.schema import Schema, exact

_BYTES: dict[str, Any] = {"application/octet-stream": {}}


def protocol_paths(bundle: Bundle) -> dict[str, Any]:
    """The operations by path and method."""
    path, versioned, _ = model_paths(bundle)
    return {
        "/ping": _get("ping", "Readiness, as /readyz.", schema.state("ready")),
        "/invocations": {"post": _invocations()},
        "/v2": _get("v2", "Metadata of the server.", ref("ServerMetadata")),
        "/v2/health/live": _get("v2_live", "Liveness, as /healthz.", schema.state("alive"), (500,)),
        "/v2/health/ready": _get("v2_ready", "Readiness, as /readyz.", schema.state("ready")),
        path: _get("v2_model", "Metadata of the model: its tensors.", ref("ModelMetadata")),
        versioned: _get("v2_version", "The same by version.", ref("ModelMetadata")),
        f"{path}/ready": _get("v2_model_ready", "Readiness of the model.", ref("ModelReady")),
        f"{versioned}/ready": _get("v2_version_ready", "The same by version.", ref("ModelReady")),
        f"{path}/infer": {"post": _infer("v2_infer")},
        f"{versioned}/infer": {"post": _infer("v2_version_infer")},
    }


def protocol_schemas(bundle: Bundle, settings: ServingSettings) -> dict[str, Any]:
    """The schemas that the operations refer to, by name."""
    manifest = bundle.manifest
    row = schema.row(bundle)["properties"]
    tensors = [_tensor(field, row[field.name]) for field in bundle.fields]
    # Those behind the last field that must be there may be left out.
    needed = max(place for place, field in enumerate(bundle.fields, 1) if field.required or place == 1)
    return {
        "InvocationsRequest": {"oneOf": _forms(bundle, row, settings.max_rows)},
        "InvocationsResponse": exact({"predictions": {"type": "array", "items": _columns(manifest), "minItems": 1}}),
        "InferenceRequest": _inference(manifest, _tuple(tensors) | {"minItems": needed}),
        "InferenceResponse": _inference_answer(bundle),
        "InferenceProblem": _with_error(schema.problem()),
        "ServerMetadata": exact(
            {"name": schema.TEXT, "version": schema.TEXT, "extensions": {"type": "array", "items": schema.TEXT}}
        ),
        "ModelMetadata": {"const": model_metadata(bundle)},
        "ModelReady": {"const": model_readiness(bundle)},
    }


def _get(name: str, summary: str, found: Schema, refused: tuple[int, ...] = LOOKING) -> dict[str, Any]:
    return {"get": operation(name, "protocols", summary, {"200": response("OK", json(found))}, refused)}


def _invocations() -> dict[str, Any]:
    return operation(
        "invocations",
        "protocols",
        "Predict by the protocol of MLflow and SageMaker.",
        {"200": response("OK", json(ref("InvocationsResponse")))},
        # CSV truncated at the end of a line looks complete: it needs a Content-Length.
        (*ASKING, 411),
        description="Columns may come in any order, and `inputs` as an object with an array for each column. "
        "text/csv with a header line is accepted as well.",
        body=json(ref("InvocationsRequest")),
    )


def _infer(name: str) -> dict[str, Any]:
    content = json(ref("InferenceResponse")) | _BYTES
    return operation(
        name,
        "protocols",
        "Predict by the Open Inference Protocol.",
        {"200": response("OK", content)},
        ASKING,
        description="The schema shows one row. Several rows have the shape [rows] and as many values; tensors may come "
        "in any order, those of fields with a default may be left out, and all may be bytes after the JSON (extension "
        "binary_tensor_data).",
        body=json(ref("InferenceRequest")),
    )


def _forms(bundle: Bundle, row: dict[str, Schema], max_rows: int) -> list[Schema]:
    rows = {"type": "array", "items": ref("Row"), "minItems": 1, "maxItems": max_rows}
    names = [field.name for field in bundle.fields]
    values = _tuple([row[name] for name in names])
    split = exact({"columns": {"const": names}, "data": {**rows, "items": values}})
    forms: dict[str, Schema] = {
        "dataframe_split": split,
        "dataframe_records": rows,
        "instances": rows,
        "inputs": {"oneOf": [rows, ref("Row")]},
    }
    params: Schema = {"enum": [None, {}], "description": "The model has no params."}
    return [exact({name: form, "params": params}, required=[name]) for name, form in forms.items()]


def _columns(manifest: Manifest) -> Schema:
    """A row of MLflow's answer: the columns of the registered model, and the identifier."""
    found = dict(schema.answer(manifest)["properties"])
    if manifest.task is Task.MULTICLASS:
        by_class = found.pop(SCORES)["properties"].values()
        found |= dict(zip(score_columns(manifest), by_class, strict=True))
    return exact(found)


def _tensor(field: Field, declared: Schema) -> Schema:
    datatype = tensor_datatype(field)
    value = {name: part for name, part in declared.items() if name not in ("default", "description", "x-unit")}
    if field.kind is Kind.BOOLEAN and datatype == "BYTES":
        value = {"enum": ["true", "false", "", None]}
    elif datatype == "BYTES" and field.nullable:
        value = {"anyOf": [value, {"const": ""}]}
    elif datatype == "INT64":
        value = {"allOf": [value, {"minimum": -(1 << 63), "maximum": (1 << 63) - 1}]}
    return _open(
        {
            "name": {"const": field.name},
            "datatype": {"const": datatype},
            "shape": {"enum": [[1], [1, 1]]},
            "data": _tuple([value]),
            "parameters": {"type": "object", "properties": {"binary_data_size": False, "shared_memory_region": False}},
        },
        required=["name", "datatype", "shape", "data"],
    )


def _inference(manifest: Manifest, inputs: Schema) -> Schema:
    names = [output.name for output in output_tensors(manifest)]
    # The others among a parameter's names would make the answer another one, and are refused.
    options = {"binary_data": {"type": "boolean"}, "classification": False, "shared_memory_region": False}
    wanted = _open({"name": {"enum": names}, "parameters": {"type": "object", "properties": options}}, ["name"])
    return _open(
        {
            "id": {"type": ["string", "null"], "description": "Returned with the response."},
            "inputs": inputs,
            "outputs": {
                "type": "array",
                "items": wanted,
                "allOf": [_at_most_once(name) for name in names],
                "description": "Outputs to return; all of them if empty.",
            },
            "parameters": {"type": "object", "properties": {"binary_data_output": {"type": "boolean"}}},
        },
        required=["inputs"],
    )


def _inference_answer(bundle: Bundle) -> Schema:
    outputs = [_output(output, bundle.manifest) for output in output_tensors(bundle.manifest)]
    return exact(
        {
            "model_name": {"const": bundle.manifest.problem},
            "model_version": {"const": model_version(bundle)},
            "id": schema.TEXT,
            "outputs": {"type": "array", "items": {"oneOf": outputs}, "minItems": 1},
        },
        required=["model_name", "model_version", "outputs"],
    )


def _output(output: Output, manifest: Manifest) -> Schema:
    one = schema.answer(manifest)["properties"]
    value = next(iter(one["scores"]["properties"].values())) if output.width else one[output.name]
    dimensions = 1 if output.width is None else 2
    return exact(
        {
            "name": {"const": output.name},
            "datatype": {"const": output.datatype},
            "shape": {"type": "array", "items": {"type": "integer"}, "minItems": dimensions, "maxItems": dimensions},
            "data": {"type": "array", "items": value},
        }
    )


def _with_error(problem: Schema) -> Schema:
    """A problem as the protocol wants it."""
    properties = problem["properties"] | {"error": schema.TEXT | {"description": "The same as detail."}}
    return exact(properties, required=[*problem["required"], "error"])


def _at_most_once(name: str) -> Schema:
    named = {"properties": {"name": {"const": name}}, "required": ["name"]}
    return {"contains": named, "minContains": 0, "maxContains": 1}


def _open(properties: dict[str, Schema], required: list[str]) -> Schema:
    """An object that may have more than that: the protocol lets servers read over what they do not know."""
    return exact(properties, required) | {"additionalProperties": True}


def _tuple(parts: list[Schema]) -> Schema:
    """An array of exactly these parts."""
    return {"type": "array", "prefixItems": parts, "items": False, "minItems": len(parts), "maxItems": len(parts)}
