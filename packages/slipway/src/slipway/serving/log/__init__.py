"""The prediction log: JSON lines, one file per worker and period, written before an answer leaves."""

from slipway.serving.log.record import Batch, Feedback, Prediction, Shadow
from slipway.serving.log.writer import LogWriter

__all__ = ["Batch", "Feedback", "LogWriter", "Prediction", "Shadow"]
