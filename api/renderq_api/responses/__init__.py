"""HTTP responses for jobs and images."""
