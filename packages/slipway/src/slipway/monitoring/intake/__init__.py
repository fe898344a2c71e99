"""Read the prediction log into columns, once: a run continues where the one before it stopped."""
