"""Renderings of a monitor's result."""
