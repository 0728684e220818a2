"""The original key layouts of Stable Diffusion, one folder each.

A layout is a pipeline without weights and vocabulary, so that a single file loads without network access.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from renderq_shared.checkpoints import TensorInfo
from renderq_shared.errors import CatalogInvalid

_FIRST = "model.diffusion_model.input_blocks.0.0.weight"
"""The UNet's first convolution: [channels, input channels, 3, 3]."""
_CROSS_ATTENTION = ".attn2.to_k.weight"
"""The UNet's projections of the prompt: [channels, width of the text encoder]."""
_PARTS = {"autoencoder": ("first_stage_model.",), "text encoder": ("cond_stage_model.", "conditioner.")}


def layout_folder(name: str) -> Path:
    """Return the configuration folder of a shipped layout. Raises `CatalogInvalid` for an unknown name."""
    folder = _root() / name
    if name not in layout_names():
        raise CatalogInvalid(
            f"layout {name!r} is unknown; the shipped ones are {', '.join(layout_names())}; or give your own folder"
        )
    return folder


def layout_names() -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in _root().glob("*/model_index.json")))


def detect_layout(tensors: Mapping[str, TensorInfo]) -> Path:
    """Return the shipped layout of these tensors. Raises `CatalogInvalid` if none fits, or more than one."""
    check_complete(tensors)
    channels = tensors[_FIRST].shape[1]
    width = next((tensor.shape[-1] for name, tensor in tensors.items() if name.endswith(_CROSS_ATTENTION)), 0)
    matches = [name for name in layout_names() if _shape(layout_folder(name)) == (channels, width)]
    if not matches:
        raise CatalogInvalid(
            f"no known layout has a UNet of {channels} input channels with a text encoder {width} wide; use the "
            "model's diffusers folder, or write layout = a folder with its configuration"
        )
    if len(matches) > 1:
        raise CatalogInvalid(f"its weights match {' and '.join(matches)}; write layout = one of them")
    return layout_folder(matches[0])


def check_complete(tensors: Mapping[str, TensorInfo]) -> None:
    """Raise `CatalogInvalid` unless the file is a whole pipeline in the original key layout."""
    if _FIRST not in tensors:
        raise CatalogInvalid(f"the file has no {_FIRST}: it is not a pipeline in the original Stable Diffusion layout")
    for part, prefixes in _PARTS.items():
        if not any(name.startswith(prefixes) for name in tensors):
            raise CatalogInvalid(
                f"the file has no {part} ({' or '.join(prefixes)}…); take the complete model, not a part of it"
            )


def _shape(folder: Path) -> tuple[int, int]:
    """Return the UNet's input channels and the width of its text encoder."""
    unet = json.loads((folder / "unet" / "config.json").read_text(encoding="utf-8"))
    return unet["in_channels"], unet["cross_attention_dim"]


def _root() -> Path:
    return Path(str(files(__name__)))
