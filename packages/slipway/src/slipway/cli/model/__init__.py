"""Commands that make, judge and run a model."""
