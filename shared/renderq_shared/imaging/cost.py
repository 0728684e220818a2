"""What a picture costs: the unit in which fairness between tenants counts."""

_UNIT_PIXELS = 512 * 512


def cost(steps: int, width: int, height: int) -> float:
    """Device time of so many denoising steps of one picture; one step at 512 × 512 pixels is 1."""
    return steps * width * height / _UNIT_PIXELS


def model_calls(scheduler: str | None, steps: int, strength: float = 1.0) -> int:
    """How often the denoiser runs for one picture; 0 when `strength`, from 0 to 1, leaves none of the steps to make.

    `scheduler` is a name of the contract; of a model's own, None, nothing is known but that it runs once per step.
    """
    made = min(int(steps * strength), steps)
    if made and scheduler == "heun":  # two calls per step, but for the last
        return 2 * made - 1
    if made and steps > 1 and scheduler in ("pndm", "plms"):  # the second step is made twice
        return made + 1
    return made
