"""Errors of a device: which of them say that memory ran out, and which that the device may be lost."""

from collections.abc import Iterator

import torch

_OUT_OF_MEMORY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "os error 12",  # safetensors: ENOMEM
    "cublas_status_alloc_failed",
    "cublas_status_not_initialized",  # cublasCreate allocates the workspace
    "cudnn_status_alloc_failed",
    "cudnn_status_internal_error_device_allocation_failed",
    "cudnn_status_internal_error_host_allocation_failed",
    "unable to find a valid cudnn algorithm",
    "hipblas_status_alloc_failed",
    "miopenstatusallocfailed",
)
"""Texts of torch's CPU allocator, CUDA and its libraries, and ROCm's; in lower case."""

_DEVICE = ("cuda error", "cudnn error", "cublas_status_", "device-side assert", "hip error", "nccl error")
"""Texts of all other errors of a device; in lower case."""

_MAX_CHAIN = 8


class DeviceLost(BaseException):
    """No computation on the device succeeds any more in this process, whatever is computed: an illegal memory access, a
    device-side assert, an uncorrectable ECC error, a card that is gone.

    Not an `Exception`, so that no handler takes it for the error of one image.
    """


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory of the device or of the machine ran out."""
    return any(
        isinstance(each, torch.OutOfMemoryError | MemoryError) or _says(each, _OUT_OF_MEMORY) for each in _chain(error)
    )


def is_device_error(error: BaseException) -> bool:
    """Return whether the device reported an error other than memory that ran out."""
    return not is_out_of_memory(error) and any(
        isinstance(each, torch.AcceleratorError) or _says(each, _DEVICE) for each in _chain(error)
    )


def _says(error: BaseException, texts: tuple[str, ...]) -> bool:
    if not isinstance(error, RuntimeError | OSError) and type(error).__name__ != "SafetensorError":
        return False
    message = str(error).lower()
    return any(text in message for text in texts)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and those that it was raised from."""
    current: BaseException | None = error
    for _ in range(_MAX_CHAIN):
        if current is None:
            return
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
