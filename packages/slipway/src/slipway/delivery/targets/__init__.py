"""Where environments run: one class for each kind of target."""
