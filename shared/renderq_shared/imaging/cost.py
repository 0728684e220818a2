"""Cost of an image: the unit of fair queuing between tenants."""

_UNIT_PIXELS = 512 * 512


def cost(steps: int, width: int, height: int) -> float:
    """Return the cost of `steps` denoising steps of one image; one step at 512 × 512 pixels costs 1."""
    return steps * width * height / _UNIT_PIXELS


def model_calls(scheduler: str | None, steps: int, strength: float = 1.0) -> int:
    """Return how often the denoiser runs for one image; 0 if `strength`, in [0, 1], leaves no step.

    `scheduler` is a name of the contract. The model's own, `None`, is assumed to call the denoiser once per step.
    """
    count = min(int(steps * strength), steps)
    if count and scheduler in ("heun", "dpm2", "dpm2_a"):  # two calls per step, except for the last
        return 2 * count - 1
    if count and steps > 1 and scheduler in ("pndm", "plms"):  # the second step runs twice
        return count + 1
    return count
