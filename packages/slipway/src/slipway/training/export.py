"""Export a fitted estimator to ONNX, the same bytes in every process."""

from typing import TYPE_CHECKING

from slipway.errors import ModelError, SlipwayError, first_line
from slipway.training.exporting.convert import convert_estimator
from slipway.training.exporting.parts import find_unconvertible
from slipway.training.exporting.remedies import describe_remedy
from slipway.training.fit import Fitted

if TYPE_CHECKING:
    from onnx import ModelProto


def export_onnx(fitted: Fitted) -> bytes:
    """Convert to ONNX: one float32 tensor of all inputs in, one tensor of scores out.

    Raises `ModelError` that names the part which cannot be converted.
    """
    names = [given.name for given in fitted.inputs]
    try:
        model = convert_estimator(fitted.estimator, names)
    except SlipwayError:
        raise
    except Exception as error:  # converters have no common type for what they refuse
        part = find_unconvertible(fitted.estimator)
        raise ModelError(
            f"Cannot export {type(part).__name__} to ONNX: {first_line(error)} {describe_remedy(part)}"
        ) from error
    _keep_scores(model)
    _make_reproducible(model)
    return bytes(model.SerializeToString(deterministic=True))


def _keep_scores(model: "ModelProto") -> None:
    """Drop the label output of a classifier: labels are computed from the scores and the manifest."""
    scores = model.graph.output[-1]
    del model.graph.output[:]
    model.graph.output.append(scores)


def _make_reproducible(model: "ModelProto") -> None:
    """Remove what differs between processes or versions for the same model."""
    opsets = sorted((entry.domain, entry.version) for entry in model.opset_import)
    del model.opset_import[:]
    for domain, version in opsets:
        model.opset_import.add(domain=domain, version=version)
    model.graph.name = "model"
    for field in ("producer_name", "producer_version", "domain", "doc_string"):
        model.ClearField(field)
    model.graph.ClearField("doc_string")
