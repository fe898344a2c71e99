"""Lines for the operator on standard error."""

import sys


def print_line(text: str) -> None:
    """Write a line to standard error at once, as that of the service."""
    sys.stderr.write(f"slipway: {text}\n")
    sys.stderr.flush()
