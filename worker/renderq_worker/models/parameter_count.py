"""Number of a model's weights and tensors, from file headers, without loading them."""

from collections.abc import Mapping
from pathlib import Path

from renderq_shared.catalog import ModelEntry
from renderq_shared.checkpoints import TensorInfo, read_tensors
from renderq_shared.errors import CatalogInvalid, CheckpointUnreadable
from renderq_worker.models.errors import ModelLoadFailed
from renderq_worker.models.weight_files import weight_files

_PREFIXES: Mapping[str, str] = {
    "unet": "model.diffusion_model.",
    "vae": "first_stage_model.",
    "text_encoder": "cond_stage_model.",
    "text_encoder_1": "conditioner.embedders.0.",
    "text_encoder_2": "conditioner.embedders.1.",
}
"""Component → prefix of its tensor names in the original key layout."""


def parameter_counts(entry: ModelEntry) -> Mapping[str, int]:
    """Return component → number of weights. Raises `ModelLoadFailed` for missing or damaged files."""
    try:
        return _of_file(Path(entry.source)) if entry.layout else _of_folder(entry)
    except (CatalogInvalid, CheckpointUnreadable, ModelLoadFailed) as error:
        raise ModelLoadFailed(f"model {entry.name!r}: {error}") from error


def tensor_counts(entry: ModelEntry) -> Mapping[str, int]:
    """Return component → number of tensors in the files of a folder. Raises as `read_tensors` and `weight_files`."""
    return {name: sum(len(read_tensors(path)) for path in paths) for name, paths in weight_files(entry).items()}


def _of_folder(entry: ModelEntry) -> Mapping[str, int]:
    return {name: sum(_count(read_tensors(path)) for path in paths) for name, paths in weight_files(entry).items()}


def _of_file(path: Path) -> Mapping[str, int]:
    tensors = read_tensors(path)
    counts = {
        component: _count({name: tensor for name, tensor in tensors.items() if name.startswith(prefix)})
        for component, prefix in _PREFIXES.items()
    }
    return {component: count for component, count in counts.items() if count}


def _count(tensors: Mapping[str, TensorInfo]) -> int:
    return sum(tensor.numel for tensor in tensors.values())
