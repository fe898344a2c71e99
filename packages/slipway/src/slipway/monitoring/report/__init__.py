"""Renderings of a monitor's result: an HTML page, gauges for Prometheus, a run in MLflow."""
