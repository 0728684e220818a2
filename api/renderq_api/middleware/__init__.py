"""ASGI middleware: request ids, access log, unexpected errors, authentication, rate limits."""
