"""The command line `slipway`: parse, call a package, print. A command does no work of its own."""

from slipway.cli.root import main

__all__ = ["main"]
