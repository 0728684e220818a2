"""Errors of devices, by the texts of torch, CUDA and their libraries."""

import errno

import pytest
import torch

from renderq_worker.devices import is_device_error, is_out_of_memory

OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 23.64 GiB"),
    torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 4000000000000 bytes. Error code 12 (Cannot allocate memory)"
    ),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: not enough memory"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    MemoryError(),
]

DEVICE = [
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    torch.AcceleratorError("CUDA error: device-side assert triggered"),
    torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered"),
    torch.AcceleratorError("CUDA error: unknown error"),
    RuntimeError("CUDA error: unspecified launch failure"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"),
]

OTHER = [
    RuntimeError("mat1 and mat2 shapes cannot be multiplied (4x8 and 16x8)"),
    ValueError("the prompt says out of memory and CUDA error"),
    OSError(errno.ENOENT, "No such file or directory"),
]


def raised_from(cause: BaseException) -> Exception:
    try:
        raise ValueError("a model cannot be loaded") from cause
    except ValueError as error:
        return error


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=str)
def test_memory_that_ran_out(error: BaseException) -> None:
    assert (is_out_of_memory(error), is_device_error(error)) == (True, False)
    assert is_out_of_memory(raised_from(error))


@pytest.mark.parametrize("error", DEVICE, ids=str)
def test_a_device_that_may_be_lost(error: BaseException) -> None:
    assert (is_out_of_memory(error), is_device_error(error)) == (False, True)
    assert is_device_error(raised_from(error))


@pytest.mark.parametrize("error", OTHER, ids=str)
def test_errors_of_other_kinds(error: BaseException) -> None:
    assert (is_out_of_memory(error), is_device_error(error)) == (False, False)


def test_torchs_own_error_for_too_much_memory_of_the_machine() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)
