"""All that the clients know, without input or output: `Client` and `AsyncClient` only drive it."""
