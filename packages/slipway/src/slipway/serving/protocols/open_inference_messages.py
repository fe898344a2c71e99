"""Requests and responses of `/infer`, as the Open Inference Protocol v2 has them."""

from typing import Annotated, Any

import msgspec

from slipway.serving.protocols.open_inference_tensors import Tensor


class RequestOutput(msgspec.Struct, frozen=True):
    """An output that the client asks for."""

    name: str
    parameters: dict[str, Any] = {}


class InferenceRequest(msgspec.Struct, frozen=True):
    """The JSON of a request."""

    inputs: list[Tensor]
    id: str | None = None
    outputs: list[RequestOutput] = []
    parameters: dict[str, Any] = {}


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
    outputs: Annotated[list[ResponseOutput], msgspec.Meta(min_length=1)]
    id: str | None = None
