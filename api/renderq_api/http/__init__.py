"""HTTP details: bodies, headers, limits, problems."""
