"""Responses about jobs and images."""
