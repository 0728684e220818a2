"""Settings of API, worker and `renderq up`, read from `RENDERQ_` variables."""
