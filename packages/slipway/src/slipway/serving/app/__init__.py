"""What stands before every route: keys, limits, errors, health."""
