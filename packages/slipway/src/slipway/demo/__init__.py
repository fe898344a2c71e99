"""`make demo`: the whole loop in a workspace of its own, shown as it happens."""
