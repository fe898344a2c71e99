"""`POST /v2/models/{name}/infer`: the Open Inference Protocol v2, with tensors in JSON or as bytes after it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from slipway.bundle.predictions import LABEL, SCORE, SCORES
from slipway.serving.api.predictor import Answer, Predictor
from slipway.serving.api.rows import RowReader, parse_json, refuse_duplicate_keys
from slipway.serving.error_responses import Reason, Refusal, invalid_request
from slipway.serving.protocols.open_inference_documents import (
    InferenceRequest,
    InferenceResponse,
    Output,
    RequestOutput,
    ResponseOutput,
    model_version,
    output_tensors,
)
from slipway.serving.protocols.open_inference_inputs import LENGTH, NUMBERS, read_inputs
from slipway.serving.request import JSON, Handler, Reply, Request, read_media_type

BINARY = "application/octet-stream"
_LENGTH_HEADER = "inference-header-content-length"
# Clients of this protocol leave the content type out.
_CONTENT_TYPES = ("", JSON, BINARY)


def make_infer_handler(predictor: Predictor, rows: RowReader) -> Handler:
    """Return the handler of the route."""
    bundle = predictor.bundle
    fields = {field.wire_name: field for field in bundle.fields}
    outputs = {output.name: output for output in output_tensors(bundle.manifest)}
    name, version = bundle.manifest.problem, model_version(bundle)

    def infer(request: Request) -> Reply:
        length = _json_length(request)
        inference = _read(request.body[:length])
        chosen = _choose(inference, outputs)
        plain = read_inputs(inference.inputs, fields, memoryview(request.body)[length:], rows.max_rows)
        answers = predictor.predict(rows.convert(plain), request)
        described, contents = _describe(chosen, answers)
        header = msgspec.json.encode(InferenceResponse(name, version, described, inference.id))
        if not contents:
            return Reply(header)
        return Reply(b"".join([header, *contents]), BINARY, headers=((_LENGTH_HEADER, str(len(header))),))

    return infer


def _json_length(request: Request) -> int:
    """Return the length of the JSON, before the bytes: without the header that says where it ends, all is JSON."""
    if read_media_type(request.environ) not in _CONTENT_TYPES:
        raise Refusal(Reason.CONTENT_TYPE, f"Expected Content-Type: {JSON} or {BINARY}.")
    given: str = request.environ.get("HTTP_INFERENCE_HEADER_CONTENT_LENGTH", str(len(request.body)))
    # int() would read digits of other scripts as well, and any number of them.
    if given.isascii() and given.isdigit() and len(given) <= 12 and int(given) <= len(request.body):
        return int(given)
    detail = f"Expected the header {_LENGTH_HEADER} as a number of bytes, at most the body's length."
    raise Refusal(Reason.INCOMPLETE, detail)


def _read(header: bytes) -> InferenceRequest:
    document = parse_json(header)
    refuse_duplicate_keys(header)
    try:
        return msgspec.convert(document, InferenceRequest)
    except msgspec.ValidationError as error:
        raise invalid_request(f"Invalid inference request: {error}.") from None


def _choose(inference: InferenceRequest, outputs: Mapping[str, Output]) -> list[tuple[Output, bool]]:
    """Return the outputs that are wanted, all of them if none is named, and for each if it is returned as bytes."""
    binary = inference.parameters.get("binary_data_output", False)
    wanted = inference.outputs or [RequestOutput(name) for name in outputs]
    names = {each.name for each in wanted}
    if not names <= outputs.keys() or len(names) != len(wanted):
        raise invalid_request(f"Expected outputs among {', '.join(outputs)}, each once.")
    # Other parameters (priority, timeout) change nothing here.
    if any(each.parameters.keys() & {"classification", "shared_memory_region"} for each in wanted):
        raise invalid_request("Unsupported parameter of an output: shared memory or classification. Expected neither.")
    chosen = [(outputs[each.name], each.parameters.get("binary_data", binary)) for each in wanted]
    if not all(isinstance(as_bytes, bool) for _, as_bytes in chosen):
        raise invalid_request("Expected the parameters binary_data and binary_data_output to be true or false.")
    return chosen


def _describe(
    chosen: Iterable[tuple[Output, bool]], answers: Sequence[Answer]
) -> tuple[list[ResponseOutput], list[bytes]]:
    """Return the outputs, and the bytes of those that are not in the JSON."""
    described: list[ResponseOutput] = []
    contents: list[bytes] = []
    for (name, datatype, width), as_bytes in chosen:
        values = _column(name, answers)
        shape = [len(answers)] if width is None else [len(answers), width]
        if as_bytes:
            contents.append(_encode(datatype, values))
            described.append(ResponseOutput(name, datatype, shape, {"binary_data_size": len(contents[-1])}))
        else:
            described.append(ResponseOutput(name, datatype, shape, data=values))
    return described, contents


def _column(name: str, answers: Iterable[Answer]) -> list[Any]:
    """Return the values of one output, row after row; a row of scores has several."""
    if name == SCORES:
        return [score for answer in answers for score in answer.score]
    part = {SCORE: "score", LABEL: "label", "prediction_id": "id"}[name]
    return [getattr(answer, part) for answer in answers]


def _encode(datatype: str, values: Sequence[Any]) -> bytes:
    """Write an output as bytes: numbers one after the other, little-endian; texts each after their length."""
    if datatype == "BYTES":
        texts = [text.encode() for text in values]
        return b"".join([part for text in texts for part in (LENGTH.pack(len(text)), text)])
    return np.array(values, dtype=NUMBERS.get(datatype, "?")).tobytes()
