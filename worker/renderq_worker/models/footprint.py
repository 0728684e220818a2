"""How much memory a pipeline's weights will need, read from file headers before anything is loaded."""

import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path

from renderq_worker.models.errors import ModelLoadFailed

_COMPONENTS = ("text_encoder", "unet", "vae", "safety_checker")


def parameters(folder: Path, *components: str) -> int:
    """Number of weights in these components (all of them by default) of the diffusers pipeline in `folder`.

    Where a component is stored in several precisions (`*.fp16.safetensors`), it counts once. Raises `ModelLoadFailed`
    for a damaged file.
    """
    return sum(max(_counts(folder / name), default=0) for name in components or _COMPONENTS)


def _counts(component: Path) -> Iterator[int]:
    """Weights per precision that the component is stored in; pickled files are taken for float32."""
    plain = [path for path in component.glob("*.safetensors") if ".fp16" not in path.name]
    half = component.glob("*.fp16*.safetensors")
    yield sum(map(_in_safetensors, plain))
    yield sum(map(_in_safetensors, half))
    if not plain:
        yield sum(path.stat().st_size // 4 for path in component.glob("*.bin"))


def _in_safetensors(path: Path) -> int:
    """The header is 8 bytes of length, then JSON: name → {dtype, shape, data_offsets}."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header: dict[str, dict[str, list[int]]] = json.loads(file.read(length))
    except (struct.error, ValueError) as error:
        raise ModelLoadFailed(f"{path} is not a safetensors file; download it again") from error
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
