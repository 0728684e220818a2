"""ASGI middleware: public address, request ids, access log, unexpected errors, authentication, rate limits, gzip."""
