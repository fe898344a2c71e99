"""Retrain on newer data, let the gate judge the model against production, and propose it as a branch."""
