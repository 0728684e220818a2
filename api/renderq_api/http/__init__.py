"""HTTP protocol: request bodies, headers, connection limits, problem responses. Imports no other folder of the API."""
