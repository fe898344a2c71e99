"""The service's own API: predictions, feedback, and the one place where rows become predictions."""
