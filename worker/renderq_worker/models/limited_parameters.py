"""Bound of the parameters of a component while it is built from its configuration.

A configuration may ask for any number of layers. Its weights are counted before, in the headers of its files, so a
component that grows far beyond them is not theirs.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from torch.nn.modules.module import register_module_parameter_registration_hook

from renderq_worker.models.errors import ModelLoadFailed

_MARGIN = 1_000
"""Parameters beyond those in the files: tied ones, and those that published files lack."""
_REGISTRATIONS = 2
"""Registrations of a parameter: transformers registers it again with its weights."""


@contextmanager
def limited_parameters(subject: str, tensors: int) -> Generator[None]:
    """Raise `ModelLoadFailed` inside when more parameters are registered than files with so many tensors can hold."""
    remaining = _REGISTRATIONS * tensors + _MARGIN

    def count(*_: Any) -> None:
        nonlocal remaining
        remaining -= 1
        if remaining < 0:
            raise ModelLoadFailed(
                f"{subject} has {tensors} tensors in its files, and its configuration asks for more layers; they are "
                "of different models"
            )

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()
