"""Fail if MLflow cannot read its database; MLflow's own /health does not read it."""

from urllib.request import ProxyHandler, build_opener

ADDRESS = "http://127.0.0.1:5000/api/2.0/mlflow/experiments/search?max_results=1"

# Compose passes the user's proxy to each container; this address is reached without it.
build_opener(ProxyHandler({})).open(ADDRESS, timeout=4).read()
