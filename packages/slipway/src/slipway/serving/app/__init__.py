"""The WSGI application in front of every route: keys, limits, errors, health."""
