"""What a picture costs: the unit in which fairness between tenants counts."""

_UNIT_PIXELS = 512 * 512


def cost(steps: int, width: int, height: int) -> float:
    """Device time of so many denoising steps of one picture; one step at 512 × 512 pixels is 1."""
    return steps * width * height / _UNIT_PIXELS
