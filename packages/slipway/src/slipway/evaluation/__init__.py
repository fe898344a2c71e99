"""Evaluate a sealed bundle: metrics with intervals, slices, plots and the model card."""
