"""Renderings of a monitor's result: an HTML page, and gauges for Prometheus."""
