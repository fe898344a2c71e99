"""Measure what the gate can detect on the present holdout."""
