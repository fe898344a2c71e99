"""Commands for keys, the ledger, and GitHub."""
