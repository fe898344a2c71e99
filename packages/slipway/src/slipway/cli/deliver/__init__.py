"""Commands that change what an environment serves."""
