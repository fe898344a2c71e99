"""Propose what `monitor.yaml` has to say beyond the defaults: windows and pauses that fit the traffic's volume."""
