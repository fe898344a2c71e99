"""What people and tools read: the page, the description of the API, metrics and versions."""
