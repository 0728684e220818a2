"""Weight files without weights: headers like those of real files, and holes instead of data."""

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Shapes = Mapping[str, tuple[int, ...]]


def safetensors(
    path: Path, shapes: Shapes, *, missing_bytes: int = 0, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write a sparse file of float16 tensors, `missing_bytes` shorter than its header declares."""
    header, end = dict[str, Any](), 0
    for name, shape in shapes.items():
        begin, count = end, 1
        for length in shape:
            count *= length
        end = begin + 2 * count
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps({"__metadata__": {"format": "pt", **(metadata or {})}, **header}).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end - missing_bytes)
    return path


def checkpoint(path: Path, program: bytes | object) -> Path:
    """Write a file like `torch.save` does, with this pickle."""
    if not isinstance(program, bytes):
        buffer = io.BytesIO()
        pickle.Pickler(buffer, protocol=2).dump(program)
        program = buffer.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/version", "3\n")
    return path


PUBLISHED: Mapping[str, tuple[int, int]] = {
    "sd1": (4, 768),
    "sd1-inpaint": (9, 768),
    "sd2": (4, 1024),
    "sd2-inpaint": (9, 1024),
    "sd2-depth": (5, 1024),
    "x4-upscaler": (7, 1024),
    "sdxl": (4, 2048),
    "sdxl-inpaint": (9, 2048),
}
"""Layout → number of input channels of the UNet, width of the text encoder."""


def original(layout: str) -> dict[str, tuple[int, ...]]:
    """Return a few tensors of the published file of this layout, with their names and shapes."""
    channels, width = PUBLISHED[layout]
    encoder = (
        "conditioner.embedders.1.model.ln_final.bias" if layout.startswith("sdxl") else "cond_stage_model.ln_final.bias"
    )
    return {
        "model.diffusion_model.input_blocks.0.0.weight": (320, channels, 3, 3),
        "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (640, width),
        "first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3),
        encoder: (width,),
    }
