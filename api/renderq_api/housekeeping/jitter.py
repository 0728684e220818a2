"""Random variation of pauses, so that processes do not run in step."""

import random

_JITTER = 0.25
"""Maximum variation, as a fraction of the pause."""

_random = random.SystemRandom()


def jittered(pause_s: float) -> float:
    """Return a pause in seconds that varies randomly around `pause_s`."""
    return pause_s * _random.uniform(1 - _JITTER, 1 + _JITTER)
