"""Count rows into the cells of a profile: the reference when a model is sealed, and production's rows later."""
