"""Documents of the Open Inference Protocol v2: requests and responses of `/infer`, and metadata made from the bundle.

A number or an integer may be missing as NaN (null in JSON), everything else as empty text (or null); a boolean that
may be missing is therefore text: true, false, or empty.
"""

from importlib.metadata import version
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from slipway.bundle import Bundle, Manifest
from slipway.bundle.predictions import LABEL, SCORE, SCORES, prediction_keys
from slipway.contract import Field, Kind

EXTENSIONS = ("binary_tensor_data",)
# Digits of the digest that name a version: enough to be unique, few enough to be read out.
_SHORT = 12
# Far more than any service takes in one request; a larger length is an attack on its reader.
_LONGEST = (1 << 31) - 1
_TRUE_OR_FALSE = {"type": "boolean"}


def _properties(**schemas: Any) -> Meta:
    """Describe what an object may hold; False is a property that it must not have."""
    return Meta(extra_json_schema={"properties": schemas})


class Tensor(msgspec.Struct, frozen=True):
    """An input tensor; `data` is unset where the values are bytes after the JSON."""

    name: str
    shape: list[Annotated[int, Meta(ge=0, le=_LONGEST)]]
    datatype: str
    parameters: Annotated[dict[str, Any], _properties(binary_data_size=False, shared_memory_region=False)] = {}
    data: Any = msgspec.UNSET


class RequestOutput(msgspec.Struct, frozen=True):
    """An output that the client asks for."""

    name: str
    parameters: Annotated[
        dict[str, Any], _properties(binary_data=_TRUE_OR_FALSE, classification=False, shared_memory_region=False)
    ] = {}


class InferenceRequest(msgspec.Struct, frozen=True):
    """The JSON of a request."""

    inputs: list[Tensor]
    id: Annotated[str | None, Meta(description="Returned with the response.")] = None
    outputs: Annotated[list[RequestOutput], Meta(description="Outputs to return; all of them if empty.")] = []
    parameters: Annotated[dict[str, Any], _properties(binary_data_output=_TRUE_OR_FALSE)] = {}


class ResponseOutput(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An output tensor: its values, or the parameter binary_data_size where they are bytes after the JSON."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any] = {}
    data: list[Any] | msgspec.UnsetType = msgspec.UNSET


class InferenceResponse(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The output tensors that were asked for; `id` is that of the request."""

    model_name: str
    model_version: str
    outputs: Annotated[list[ResponseOutput], Meta(min_length=1)]
    id: str | None = None


class Output(NamedTuple):
    """A tensor of a response: its first dimension counts rows, `width` is the second if there is one."""

    name: str
    datatype: str
    width: int | None = None


def server_metadata() -> dict[str, Any]:
    """Return the document of `GET /v2`."""
    return {"name": "slipway", "version": version("slipway"), "extensions": list(EXTENSIONS)}


def model_metadata(bundle: Bundle) -> dict[str, Any]:
    """Return the document of `GET /v2/models/{name}`, with and without version; -1 stands for any number of rows."""
    return {
        "name": bundle.manifest.problem,
        "versions": [model_version(bundle)],
        "platform": "onnx",
        "inputs": [
            {"name": field.wire_name, "datatype": tensor_datatype(field), "shape": [-1]} for field in bundle.fields
        ],
        "outputs": [
            {"name": name, "datatype": kind, "shape": [-1] if width is None else [-1, width]}
            for name, kind, width in output_tensors(bundle.manifest)
        ],
    }


def model_readiness(bundle: Bundle) -> dict[str, Any]:
    """Return the document of `GET .../ready`; clients that read no body see the status."""
    return {"name": bundle.manifest.problem, "ready": True}


def model_version(bundle: Bundle) -> str:
    """Return the version of the model: the start of the digest."""
    return bundle.digest[:_SHORT]


def model_paths(bundle: Bundle) -> tuple[str, ...]:
    """Return every path of the bundle's model: without a version, with the short one, with the whole digest."""
    path = f"/v2/models/{bundle.manifest.problem}"
    return (path, f"{path}/versions/{model_version(bundle)}", f"{path}/versions/{bundle.digest}")


def tensor_datatype(field: Field) -> str:
    """Return the tensor type of a field; other types with the same values are accepted as well."""
    match field.kind:
        case Kind.NUMBER:
            return "FP64"
        case Kind.INTEGER:
            return "FP64" if field.nullable else "INT64"
        case Kind.BOOLEAN:
            return "BYTES" if field.nullable else "BOOL"
    return "BYTES"


def output_tensors(manifest: Manifest) -> tuple[Output, ...]:
    """Return the tensors of a response, in their order."""
    known = {SCORE: Output(SCORE, "FP64"), SCORES: Output(SCORES, "FP64", len(manifest.classes))}
    if manifest.classes:
        known[LABEL] = Output(LABEL, {bool: "BOOL", int: "INT64"}.get(type(manifest.classes[0]), "BYTES"))
    return (*(known[key] for key in prediction_keys(manifest)), Output("prediction_id", "BYTES"))
