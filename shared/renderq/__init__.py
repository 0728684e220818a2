"""renderq: the client library of the renderq rendering service."""
