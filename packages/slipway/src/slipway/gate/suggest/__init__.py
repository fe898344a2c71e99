"""Propose the limits of `gate.yaml` from what honest retrains have on the present holdout."""
