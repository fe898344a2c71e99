"""Hold rows against the contract, column by column, as the service takes each of them. Needs pyarrow."""
