"""Measure how well the model does: metrics by the code of the evaluation, labels, estimates, and the service itself."""
