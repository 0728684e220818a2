"""Client logic without I/O, shared by `Client` and `AsyncClient`. Private."""
