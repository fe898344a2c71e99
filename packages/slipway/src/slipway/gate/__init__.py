"""Decide whether a candidate may replace what production runs: promote, keep or refuse.

`rules` reads `gate.yaml`, `collect` puts together the `inputs`, `checks` judge them, `run` returns the verdict.
"""
