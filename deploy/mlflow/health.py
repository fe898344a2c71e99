"""Ends with an error if MLflow cannot answer from its database; MLflow's own /health does not ask the database."""

import urllib.request

urllib.request.urlopen("http://127.0.0.1:5000/api/2.0/mlflow/experiments/search?max_results=1", timeout=4).read()
