"""Commands for the ledger, keys, GitHub and the stack."""
