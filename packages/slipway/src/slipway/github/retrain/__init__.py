"""Turn a retrain into a pull request, or into a comment on the issue of the alarm that asked for it."""
