"""From the data of a problem to validated and split parts. Needs pandas, pyarrow and Great Expectations."""
