"""Score files of any length in constant memory. Needs pyarrow and rich, so it is no part of the serving image."""
