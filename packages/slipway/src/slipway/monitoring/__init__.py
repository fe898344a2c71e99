"""Measure a model in production: its log joined with outcomes, drift, rules, alarms, and the report of each window."""
