"""Search for better parameters inside the training set. Needs Optuna."""
