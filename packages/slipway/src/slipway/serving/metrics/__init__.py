"""Counts of all workers in shared memory, and how Prometheus reads them."""
