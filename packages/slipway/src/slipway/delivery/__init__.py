"""Releases into environments: deploy, promote, roll back, reconcile."""
