"""Other monitors of models on the rows of the benchmark, each in an environment of its own."""
