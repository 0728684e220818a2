"""Tensor names and shapes of weight files, read without torch, without the weights, and without running their code.

file_format          which format a file has
safetensors_header   `.safetensors`: its JSON header
torch_file           `.ckpt` and similar: archives and the older format of `torch.save`
pickle_index         their pickle, interpreted with stubs for every name it references
pickle_names         storage classes of torch, and objects that inert ones replace
adapters             what LoRAs and textual inversions say about the models that they fit
contents             what a file holds, by the names of its tensors
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from renderq_shared.checkpoints import safetensors_header, torch_file
from renderq_shared.checkpoints.file_format import SUFFIXES, Format, check_format
from renderq_shared.checkpoints.tensor import TensorInfo
from renderq_shared.checkpoints.torch_file import state_dict
from renderq_shared.errors import CheckpointUnreadable

__all__ = ["SUFFIXES", "TensorInfo", "WeightFile", "read_tensors", "read_weight_file", "state_dict"]


@dataclass(frozen=True, slots=True)
class WeightFile:
    """What a weight file says about itself."""

    format: Format
    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of safetensors only."""
    others: tuple[str, ...] = ()
    """Keys of what is not a tensor, of files of torch only."""
    stand_ins: tuple[str, ...] = ()
    """Names of objects of training frameworks, which are loaded as inert objects; of files of torch only."""


def read_weight_file(path: Path) -> WeightFile:
    """Read names, shapes and metadata. Raises `CheckpointUnreadable`, which names the file and the fix."""
    try:
        format = check_format(path)
        if format == "safetensors":
            tensors, metadata = safetensors_header.read(path)
            return WeightFile(format, tensors, metadata)
        read = torch_file.read(path, is_archive=format == "archive")
        return WeightFile(format, read.tensors, others=read.others, stand_ins=read.stand_ins)
    except OSError as error:
        raise CheckpointUnreadable(f"{path} cannot be read: {error.strerror}") from error


def read_tensors(path: Path) -> Mapping[str, TensorInfo]:
    """Return the tensors of a file by name. Raises as `read_weight_file`."""
    return read_weight_file(path).tensors
