"""The model in ONNX Runtime with one thread, for the peers that use it."""

from collections.abc import Sequence

import numpy as np
import onnxruntime
from flight import BUNDLE, Flight, inputs

onnxruntime.disable_telemetry_events()
_options = onnxruntime.SessionOptions()
_options.intra_op_num_threads = 1
_options.inter_op_num_threads = 1
_options.add_session_config_entry("session.intra_op.allow_spinning", "0")
_session = onnxruntime.InferenceSession(BUNDLE / "model.onnx", _options, providers=["CPUExecutionProvider"])


def score(flights: Sequence[Flight]) -> list[float]:
    """The probability of each flight to be late, in one run."""
    tensor = np.array([inputs(flight) for flight in flights], dtype=np.float32)
    (probabilities,) = _session.run(["probabilities"], {"features": tensor})
    return probabilities[:, 1].tolist()
