"""Import outcomes from a file into the log of an environment."""
