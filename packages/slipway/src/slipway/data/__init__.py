"""Validate and split a problem's dataset. Needs pandas, pyarrow and Great Expectations."""
