"""Score files of any length in constant memory. Needs pyarrow and rich, which the serving image lacks."""
