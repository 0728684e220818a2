"""Tensor names and shapes of weight files, read without torch, without the weights, and without running their code.

safetensors_header   `.safetensors`: its JSON header
pickle_index         `.ckpt` and similar: its pickle, interpreted with stubs for every name it references
"""

from collections.abc import Mapping
from pathlib import Path

from renderq_shared.checkpoints import pickle_index, safetensors_header
from renderq_shared.checkpoints.tensor import TensorInfo
from renderq_shared.errors import CheckpointUnreadable

__all__ = ["SUFFIXES", "TensorInfo", "read_tensors"]

SUFFIXES = (".safetensors", ".ckpt", ".bin", ".pt", ".pth")
"""File name suffixes that `read_tensors` supports."""


def read_tensors(path: Path) -> Mapping[str, TensorInfo]:
    """Return the tensors of a file by name. Raises `CheckpointUnreadable`, which names the file and the fix."""
    if path.suffix not in SUFFIXES:
        raise CheckpointUnreadable(f"{path} is not a weight file; supported are {', '.join(SUFFIXES)}")
    try:
        return safetensors_header.read(path) if path.suffix == ".safetensors" else pickle_index.read(path)
    except OSError as error:
        raise CheckpointUnreadable(f"{path} cannot be read: {error.strerror}") from error
