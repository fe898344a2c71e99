"""`POST /v2/models/{name}/infer`: the Open Inference Protocol v2, with tensors in JSON or as bytes after it."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from slipway.bundle.predictions import LABEL, SCORE, SCORES
from slipway.contract import Field
from slipway.serving.api.predictor import Answer, Predictor
from slipway.serving.api.rows import RowReader, parse_json, refuse_duplicate_keys, shown_name, verify_row_count
from slipway.serving.problems import Reason, Refusal
from slipway.serving.protocols.open_inference_documents import (
    InferenceRequest,
    InferenceResponse,
    Output,
    RequestOutput,
    ResponseOutput,
    Tensor,
    model_version,
    output_tensors,
)
from slipway.serving.protocols.open_inference_tensors import encode_tensor, read_tensor
from slipway.serving.request import JSON, Environ, Handler, Reply, Request, read_media_type

BINARY = "application/octet-stream"
LENGTH = "inference-header-content-length"
_LENGTH_VARIABLE = "HTTP_INFERENCE_HEADER_CONTENT_LENGTH"
# Clients of this protocol leave the content type out.
_CONTENT_TYPES = ("", JSON, BINARY)
# Parameters that would change the response; others (priority, timeout) change nothing here.
_ELSEWHERE = ("classification", "shared_memory_region")


class Chosen(NamedTuple):
    """An output, and if it is returned as bytes."""

    output: Output
    binary: bool


def make_infer_handler(predictor: Predictor, rows: RowReader, max_rows: int) -> Handler:
    """Return the handler of the route."""
    bundle = predictor.bundle
    fields = {field.name: field for field in bundle.fields}
    outputs = {output.name: output for output in output_tensors(bundle.manifest)}
    name, version = bundle.manifest.problem, model_version(bundle)

    def infer(request: Request) -> Reply:
        header, rest = _parts(request)
        inference = _read(header)
        chosen = _choose(inference, outputs)
        found = rows.convert(_plain_rows(inference.inputs, fields, rest, max_rows))
        one = len(found) == 1
        answers = [predictor.one(found[0], request.began)] if one else predictor.many(found, request.began)
        described, contents = _describe(chosen, answers)
        header = msgspec.json.encode(InferenceResponse(name, version, described, inference.id))
        if not contents:
            return Reply(header)
        return Reply(b"".join([header, *contents]), BINARY, headers=((LENGTH, str(len(header))),))

    return infer


def _parts(request: Request) -> tuple[bytes, memoryview]:
    """Split a body into its JSON and the bytes after it; without the header that says where it ends, all is JSON."""
    kind = read_media_type(request.environ)
    if kind not in _CONTENT_TYPES:
        raise Refusal(Reason.CONTENT_TYPE, f"Expected Content-Type: {JSON} or {BINARY}.")
    length = _json_length(request.environ, len(request.body))
    return request.body[:length], memoryview(request.body)[length:]


def _json_length(environ: Environ, length: int) -> int:
    given: str | None = environ.get(_LENGTH_VARIABLE)
    if given is None:
        return length
    # int() would read digits of other scripts as well, and any number of them.
    if not (given.isascii() and given.isdigit() and len(given) <= 12 and int(given) <= length):
        raise Refusal(
            Reason.INCOMPLETE, f"Expected the header {LENGTH} as a number of bytes, at most the body's length."
        )
    return int(given)


def _read(header: bytes) -> InferenceRequest:
    document = parse_json(header)
    refuse_duplicate_keys(header)
    try:
        return msgspec.convert(document, InferenceRequest)
    except msgspec.ValidationError as error:
        raise _refusal(f"Invalid inference request: {error}.") from None


def _choose(inference: InferenceRequest, outputs: dict[str, Output]) -> list[Chosen]:
    """Return the outputs that are wanted, all of them if none is named."""
    binary = inference.parameters.get("binary_data_output", False)
    wanted = inference.outputs or [RequestOutput(name) for name in outputs]
    names = [each.name for each in wanted]
    if not set(names) <= outputs.keys() or len(set(names)) != len(names):
        raise _refusal(f"Expected outputs among {', '.join(outputs)}, each once.")
    if any(name in each.parameters for each in wanted for name in _ELSEWHERE):
        raise _refusal("Unsupported parameter of an output: shared memory or classification. Expected neither.")
    chosen = [Chosen(outputs[each.name], each.parameters.get("binary_data", binary)) for each in wanted]
    if not all(isinstance(each.binary, bool) for each in chosen):
        raise _refusal("Expected the parameters binary_data and binary_data_output to be true or false.")
    return chosen


def _plain_rows(inputs: Sequence[Tensor], fields: dict[str, Field], rest: memoryview, max_rows: int) -> list[Any]:
    _check_names(inputs, fields)
    _check_shapes(inputs, max_rows)
    columns = [
        read_tensor(tensor, fields[tensor.name], content)
        for tensor, content in zip(inputs, _contents(inputs, rest), strict=True)
    ]
    names = [tensor.name for tensor in inputs]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _check_names(inputs: Sequence[Tensor], fields: dict[str, Field]) -> None:
    seen: set[str] = set()
    for place, tensor in enumerate(inputs):
        if tensor.name not in fields:
            raise _refusal(f"Input {place}, {shown_name(tensor.name)}: expected one of {', '.join(fields)}.")
        if tensor.name in seen:
            raise _refusal(f"Input {tensor.name}: expected once, found twice.")
        seen.add(tensor.name)
    missing = [name for name, field in fields.items() if field.required and name not in seen]
    if missing:
        raise _refusal(f"Missing inputs: {', '.join(missing)}. Expected {', '.join(fields)}.")


def _check_shapes(inputs: Sequence[Tensor], max_rows: int) -> None:
    """Refuse inputs that do not have one value for each row: the shape [rows] or [rows, 1]."""
    rows = inputs[0].shape[0] if inputs and inputs[0].shape else 0
    for tensor in inputs:
        if tensor.shape not in ([rows], [rows, 1]) or not rows:
            raise _refusal(
                f"Input {tensor.name}: expected the shape [rows] or [rows, 1], with at least one row and as many as "
                "the other inputs."
            )
    verify_row_count(rows, max_rows)


def _contents(inputs: Iterable[Tensor], rest: memoryview) -> list[memoryview | None]:
    """Return the bytes of each input, None for one with data in JSON; refuse bytes that are left over."""
    found: list[memoryview | None] = []
    at = 0
    for tensor in inputs:
        size = tensor.parameters.get("binary_data_size")
        if "shared_memory_region" in tensor.parameters or (size is None) == (tensor.data is msgspec.UNSET):
            raise _refusal(f"Input {tensor.name}: expected either data or the parameter binary_data_size.")
        if size is None:
            found.append(None)
            continue
        if type(size) is not int or not 0 <= size <= len(rest) - at:
            raise _refusal(f"Input {tensor.name}: expected binary_data_size of at most the bytes after the JSON.")
        found.append(rest[at : at + size])
        at += size
    if at != len(rest):
        raise _refusal("Expected as many bytes after the JSON as the sum of the inputs' binary_data_size.")
    return found


def _describe(chosen: Iterable[Chosen], answers: Sequence[Answer]) -> tuple[list[ResponseOutput], list[bytes]]:
    """Return the outputs, and the bytes of those that are not in the JSON."""
    described: list[ResponseOutput] = []
    contents: list[bytes] = []
    for (name, datatype, width), binary in chosen:
        values = _column(name, answers)
        shape = [len(answers)] if width is None else [len(answers), width]
        if binary:
            contents.append(encode_tensor(datatype, values))
            described.append(ResponseOutput(name, datatype, shape, {"binary_data_size": len(contents[-1])}))
        else:
            described.append(ResponseOutput(name, datatype, shape, data=values))
    return described, contents


def _column(name: str, answers: Iterable[Answer]) -> list[Any]:
    """Return the values of one output, row after row; a row of scores has several."""
    if name == SCORES:
        return [score for answer in answers for score in answer.score]
    return [{SCORE: answer.score, LABEL: answer.label, "prediction_id": answer.id}[name] for answer in answers]


def _refusal(detail: str) -> Refusal:
    return Refusal(Reason.INVALID_REQUEST, detail)
