"""Processing of one claimed job, from its inputs to its outcome."""
