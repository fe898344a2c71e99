"""Run ONNX Runtime on one core, so that a row's score does not depend on the other rows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from slipway.problem import Task

# Rows per run: large enough that the call costs nothing, small enough that memory stays flat for any number of rows.
BLOCK = 4096


class Scorer:
    """A model that turns a float32 tensor of shape (rows, inputs) into scores."""

    def __init__(self, model: bytes, task: Task, batch_floor: int = 1) -> None:
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        # What the runtime refuses is raised; its own lines on the screen would say it a second time.
        onnxruntime.set_default_logger_severity(4)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._output = [self._session.get_outputs()[0].name]
        self._task = task
        self._floor = batch_floor

    def run(self, tensor: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score every row, in blocks: shape (rows, classes) for a multiclass task, else (rows,)."""
        blocks = [self._run_block(tensor[start : start + BLOCK]) for start in range(0, len(tensor), BLOCK)]
        if not blocks:
            blocks = [self._run_block(np.zeros((1, tensor.shape[1]), np.float32))[:0]]
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def bind_one(self, inputs: int) -> tuple[memoryview, Callable[[], list[float]]]:
        """Return buffers for one row: a writable tensor of `inputs` float32, and a function that scores it.

        The function returns the score of every class, or the one value of a regression. Reusing the tensors of input
        and output saves a third of a run.
        """
        width = self._session.get_outputs()[0].shape[-1]
        tensor = np.zeros((self._floor, inputs), np.float32)
        scores = np.zeros((self._floor, width), np.float32)
        binding = self._session.io_binding()
        binding.bind_input(self._input, "cpu", 0, np.float32, tensor.shape, tensor.ctypes.data)
        binding.bind_output(self._output[0], "cpu", 0, np.float32, scores.shape, scores.ctypes.data)
        run, first, repeat = self._session.run_with_iobinding, scores[0], self._floor > 1

        def score() -> list[float]:
            if repeat:
                tensor[1:] = tensor[0]
            run(binding)
            return first.tolist()

        return tensor.data.cast("B"), score

    def _run_block(self, block: NDArray[np.float32]) -> NDArray[np.float64]:
        rows = len(block)
        if rows < self._floor:
            # Matrix kernels for very few rows add in another order; repeated rows take the ordinary one.
            block = np.resize(block, (self._floor, block.shape[1]))
        (scores,) = self._session.run(self._output, {self._input: block})
        scores = scores[:rows].astype(np.float64)
        if self._task is Task.BINARY:
            return scores[:, 1]
        return scores.reshape(rows) if self._task is Task.REGRESSION else scores
