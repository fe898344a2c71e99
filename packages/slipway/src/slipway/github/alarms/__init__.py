"""Turn the alarms of the monitor into issues, and a retrain into a pull request or a comment."""
