"""The schemas of other serving tools' protocols: MLflow's, and the Open Inference Protocol v2.

Both let clients say one thing in many ways. Described is one of them, exactly, so that what fits it is accepted. Other
orders of columns, tensors of several rows and bytes after the JSON are accepted as well, as the operations say.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from slipway.bundle import Bundle
from slipway.contract import Field, Kind
from slipway.serving.protocols.mlflow_rows import PARAMETERS
from slipway.serving.protocols.open_inference_documents import (
    InferenceRequest,
    InferenceResponse,
    output_tensors,
    tensor_datatype,
)
from slipway.serving.site.schema import Schema, describe_row, describe_types

_NO_PARAMETERS = Annotated[Any, Meta(description="The model has no params.", extra_json_schema={"enum": [None, {}]})]


def invocations_structs(row: type[msgspec.Struct], rows: Any, limits: Meta) -> list[type[msgspec.Struct]]:
    """Return a struct for each form of MLflow's request; `limits` are those of the number of rows."""
    fields = msgspec.structs.fields(row)
    columns = Meta(extra_json_schema={"const": [field.encode_name for field in fields]})
    values: Any = tuple[tuple(field.type for field in fields)]  # type: ignore[misc]
    split = msgspec.defstruct(
        "DataframeSplit",
        [("columns", Annotated[list[str], columns]), ("data", Annotated[list[values], limits])],
        forbid_unknown_fields=True,
    )
    forms = {"dataframe_split": split, "dataframe_records": rows, "instances": rows, "inputs": rows | row}
    return [
        msgspec.defstruct(
            f"Invocations_{form}",
            [(form, kind), *((name, _NO_PARAMETERS, None) for name in PARAMETERS)],
            forbid_unknown_fields=True,
        )
        for form, kind in forms.items()
    ]


def describe_inference(bundle: Bundle) -> dict[str, Schema]:
    """Return the schemas of the structs that `/infer` reads and writes, narrowed to one row of this bundle."""
    found = describe_types(InferenceRequest, InferenceResponse)
    tensor, request = found.pop("Tensor"), found["InferenceRequest"]["properties"]
    row = describe_row(bundle)["properties"]
    tensors = [_narrow(tensor, field, row[field.wire_name]) for field in bundle.fields]
    # Those after the last field that is required may be left out.
    needed = max(position for position, field in enumerate(bundle.fields, 1) if field.required or position == 1)
    request["inputs"] = _tuple(tensors) | {"minItems": needed}
    names = [output.name for output in output_tensors(bundle.manifest)]
    found["RequestOutput"]["properties"]["name"] = {"enum": names}
    request["outputs"]["allOf"] = [
        {"contains": {"properties": {"name": {"const": name}}}, "minContains": 0, "maxContains": 1} for name in names
    ]
    return found


def _narrow(tensor: Schema, field: Field, value: Schema) -> Schema:
    datatype = tensor_datatype(field)
    if field.kind is Kind.BOOLEAN and datatype == "BYTES":
        value = {"enum": ["true", "false", "", None]}
    elif datatype == "BYTES" and field.nullable:
        value = {"anyOf": [value, {"const": ""}]}
    elif datatype == "INT64":
        value = {"allOf": [value, {"minimum": -(1 << 63), "maximum": (1 << 63) - 1}]}
    properties: dict[str, Schema] = {
        "name": {"const": field.wire_name},
        "datatype": {"const": datatype},
        "shape": {"enum": [[1], [1, 1]]},
        "data": _tuple([value]),
    }
    return tensor | {"properties": tensor["properties"] | properties, "required": [*properties]}


def _tuple(parts: list[Schema]) -> Schema:
    """Return an array of exactly these parts."""
    return {"type": "array", "prefixItems": parts, "items": False, "minItems": len(parts), "maxItems": len(parts)}
