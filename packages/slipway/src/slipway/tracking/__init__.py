"""Register every bundle in MLflow: one run, and one model version that predicts as the bundle does."""
