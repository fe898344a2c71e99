"""Ends with an error if MLflow cannot answer from its database; MLflow's own /health does not ask the database."""

from urllib.request import ProxyHandler, build_opener

ADDRESS = "http://127.0.0.1:5000/api/2.0/mlflow/experiments/search?max_results=1"

# Compose gives each container the proxy of its user, who has it for what is elsewhere; this is not.
build_opener(ProxyHandler({})).open(ADDRESS, timeout=4).read()
