"""ASGI middleware: authentication, request ids and the access log."""
