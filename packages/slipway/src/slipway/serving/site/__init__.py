"""Routes for people and tools, by Flask: the page, the OpenAPI document, metrics and version."""
