"""A shadow: a second bundle that scores the rows of production in a process of its own, after they were answered."""
