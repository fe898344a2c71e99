"""Targets, where environments run: one class for each kind."""
