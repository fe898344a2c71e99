"""What is kept of every bundle: one MLflow run and one model version that predicts as the bundle does."""
