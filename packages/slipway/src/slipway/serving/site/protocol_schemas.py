"""The protocols of other serving tools in the OpenAPI document: MLflow's, and the Open Inference Protocol v2.

Both let clients say one thing in many ways. Described is one of them, exactly, so that what fits it is accepted. Other
orders of columns, tensors of several rows and bytes after the JSON are accepted as well, as the descriptions say.
"""

from slipway.bundle import Bundle, Manifest
from slipway.bundle.predictions import SCORES, score_columns
from slipway.contract import Field, Kind
from slipway.problem import Task
from slipway.serving.protocols.open_inference import BINARY
from slipway.serving.protocols.open_inference_messages import InferenceResponse
from slipway.serving.protocols.open_inference_metadata import (
    model_metadata,
    model_paths,
    model_readiness,
    output_tensors,
    server_metadata,
    tensor_datatype,
)
from slipway.serving.site.operations import READING, SCORING, Operation, json_content
from slipway.serving.site.schema import Schema, describe_row, describe_structs, exact, ref, rows_of


def protocol_operations(bundle: Bundle) -> tuple[Operation, ...]:
    """Return the operations of both protocols."""
    path, versioned, _ = model_paths(bundle)
    alive, ready = (exact({"status": {"const": word}}) for word in ("alive", "ready"))
    return (
        _read("/ping", "ping", "Readiness, as /readyz.", ready),
        _invocations(),
        _read("/v2", "v2", "Metadata of the server.", ref("ServerMetadata")),
        _read("/v2/health/live", "v2_live", "Liveness, as /healthz.", alive, (500,)),
        _read("/v2/health/ready", "v2_ready", "Readiness, as /readyz.", ready),
        _read(path, "v2_model", "Metadata of the model: its tensors.", ref("ModelMetadata")),
        _read(versioned, "v2_version", "The same by version.", ref("ModelMetadata")),
        _read(f"{path}/ready", "v2_model_ready", "Readiness of the model.", ref("ModelReady")),
        _read(f"{versioned}/ready", "v2_version_ready", "The same by version.", ref("ModelReady")),
        _infer(f"{path}/infer", "v2_infer"),
        _infer(f"{versioned}/infer", "v2_version_infer"),
    )


def describe_protocols(bundle: Bundle, prediction: dict[str, Schema], max_rows: int) -> dict[str, Schema]:
    """Return the schemas that the operations refer to, by name; `prediction` are the properties of one."""
    row = describe_row(bundle)["properties"]
    tensors = [_tensor(field, row[field.name]) for field in bundle.fields]
    # Those after the last field that is required may be left out.
    needed = max(place for place, field in enumerate(bundle.fields, 1) if field.required or place == 1)
    return {
        "InvocationsRequest": {"oneOf": _forms(bundle, row, max_rows)},
        "InvocationsResponse": exact({"predictions": rows_of(_columns(bundle.manifest, prediction))}),
        "InferenceRequest": _inference(bundle.manifest, _tuple(tensors) | {"minItems": needed}),
        **describe_structs(InferenceResponse),
        "ServerMetadata": {"const": server_metadata()},
        "ModelMetadata": {"const": model_metadata(bundle)},
        "ModelReady": {"const": model_readiness(bundle)},
    }


def _read(path: str, name: str, summary: str, schema: Schema, refusals: tuple[int, ...] = READING) -> Operation:
    response = json_content(schema)
    return Operation(path=path, name=name, tag="protocols", summary=summary, response=response, refusals=refusals)


def _invocations() -> Operation:
    return Operation(
        path="/invocations",
        name="invocations",
        tag="protocols",
        summary="Predict by the protocol of MLflow and SageMaker.",
        description="Columns may come in any order, and `inputs` as an object with an array for each column. "
        "text/csv with a header line is accepted as well.",
        request=json_content(ref("InvocationsRequest")),
        response=json_content(ref("InvocationsResponse")),
        # CSV truncated at the end of a line looks complete: it needs a Content-Length.
        refusals=(*SCORING, 411),
    )


def _infer(path: str, name: str) -> Operation:
    return Operation(
        path=path,
        name=name,
        tag="protocols",
        summary="Predict by the Open Inference Protocol.",
        description="The schema shows one row. Several rows have the shape [rows] and as many values; tensors may come "
        "in any order, those of fields with a default may be left out, and all may be bytes after the JSON (extension "
        "binary_tensor_data).",
        request=json_content(ref("InferenceRequest")),
        response={**json_content(ref("InferenceResponse")), BINARY: {}},
        refusals=SCORING,
    )


def _forms(bundle: Bundle, row: dict[str, Schema], max_rows: int) -> list[Schema]:
    rows = rows_of(ref("Row"), max_rows)
    names = [field.name for field in bundle.fields]
    values = rows_of(_tuple([row[name] for name in names]), max_rows)
    forms: dict[str, Schema] = {
        "dataframe_split": exact({"columns": {"const": names}, "data": values}),
        "dataframe_records": rows,
        "instances": rows,
        "inputs": {"oneOf": [rows, ref("Row")]},
    }
    params: Schema = {"enum": [None, {}], "description": "The model has no params."}
    return [exact({name: form, "params": params}, required=[name]) for name, form in forms.items()]


def _columns(manifest: Manifest, prediction: dict[str, Schema]) -> Schema:
    """Describe a row of MLflow's response: the columns of the registered model, and the identifier."""
    found = dict(prediction)
    if manifest.task is Task.MULTICLASS:
        del found[SCORES]
        found |= {name: {"type": "number", "minimum": 0, "maximum": 1} for name in score_columns(manifest)}
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
    # These two parameters would change the response, and are refused.
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


def _at_most_once(name: str) -> Schema:
    named = {"properties": {"name": {"const": name}}, "required": ["name"]}
    return {"contains": named, "minContains": 0, "maxContains": 1}


def _open(properties: dict[str, Schema], required: list[str]) -> Schema:
    """Return an object that may have other properties: the protocol lets servers ignore those they do not know."""
    return exact(properties, required) | {"additionalProperties": True}


def _tuple(parts: list[Schema]) -> Schema:
    """Return an array of exactly these parts."""
    return {"type": "array", "prefixItems": parts, "items": False, "minItems": len(parts), "maxItems": len(parts)}
