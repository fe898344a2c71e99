"""Compare production's inputs and scores with the reference sealed with the model, and with the recent past."""
