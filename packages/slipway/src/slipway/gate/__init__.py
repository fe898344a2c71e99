"""Whether a candidate may replace what production runs: promote, keep or refuse."""
