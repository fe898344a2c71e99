"""Send rows that were held back to a running service as its traffic, as they were or with faults injected by name."""
