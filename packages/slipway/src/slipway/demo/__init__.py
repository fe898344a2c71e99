"""`make demo`: the whole loop in its own workspace."""
