"""Files: written whole or not at all, read with an explanation, locked between processes."""
