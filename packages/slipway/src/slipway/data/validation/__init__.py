"""Validate a dataset with Great Expectations: `suite` derives the rules, `validate` runs them, `publish` reports."""
