"""Names of the lists that hold wake-ups: the job store counts their entries, Celery fills and consumes them."""

DEAD_LETTERS = "rq:dead-letters"
"""List of the latest messages found in those lists that are no wake-ups, newest first. Only people read it."""


def queue_name(model: str) -> str:
    """Return the Celery queue of a model's wake-ups. With Redis as broker it is also the key of a Redis list."""
    return f"renderq.{model}"
