"""Compare two models on the same rows."""
