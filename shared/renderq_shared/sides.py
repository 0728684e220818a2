"""Sides of pictures: what the API promises and the worker makes must be the same."""


def fitting_side(pixels: int, multiple: int = 8) -> int:
    """The side of what is made from a picture with this side: rounded down to a multiple, as stock pipelines do."""
    return max(multiple, pixels - pixels % multiple)
