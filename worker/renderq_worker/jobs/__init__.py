"""One claimed job, from its inputs to its end."""
