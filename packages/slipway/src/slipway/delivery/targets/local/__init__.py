"""The target `local`: supervised processes on this machine."""
