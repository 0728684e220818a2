"""What a file of weights holds, read without torch, without loading the weights, and without running code from it.

safetensors_header   `.safetensors`: the JSON at its beginning
pickled              `.ckpt` and the like: the pickle inside, interpreted with stand-ins for everything that it names
"""

from collections.abc import Mapping
from pathlib import Path

from renderq_shared.checkpoints import pickle_index, safetensors_header
from renderq_shared.checkpoints.tensor import TensorInfo
from renderq_shared.errors import CheckpointUnreadable

__all__ = ["SUFFIXES", "TensorInfo", "read_tensors"]

SUFFIXES = (".safetensors", ".ckpt", ".bin", ".pt", ".pth")
"""Of files that `read_tensors` knows."""


def read_tensors(path: Path) -> Mapping[str, TensorInfo]:
    """Every tensor of the file by name. Raises `CheckpointUnreadable` with the file and what to do."""
    if path.suffix not in SUFFIXES:
        raise CheckpointUnreadable(f"{path} is not a file of weights; known are {', '.join(SUFFIXES)}")
    try:
        return safetensors_header.read(path) if path.suffix == ".safetensors" else pickle_index.read(path)
    except OSError as error:
        raise CheckpointUnreadable(f"{path} cannot be read: {error.strerror}") from error
