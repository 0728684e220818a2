"""What the models of the shipped layouts need of a device, as docs/guides/models.md shows it: `python -m bench.memory`.

Computed on the meta device, without weights. `--measure LAYOUT` runs one forward pass and one decoding on the CPU with
random weights and measures the peak.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers.utils import logging

from renderq_shared.catalog.layouts import layout_folder
from renderq_worker.devices import SimulatedGpu
from renderq_worker.models.memory_estimate import MetaModel

DEFAULT_SIZES = {"sd1": 512, "sd2": 512, "sd2-v": 768, "sd2-depth": 512, "x4-upscaler": 512, "sdxl": 1024}
"""Layout → size of its default image."""


def weights(layout: Path) -> dict[str, int]:
    """Component → number of weights."""
    index = json.loads((layout / "model_index.json").read_text())
    counts: dict[str, int] = {}
    for name, value in index.items():
        if isinstance(value, list) and value[0] is not None and (layout / name / "config.json").exists():
            counts[name] = sum(each.numel() for each in component(layout / name, *value).parameters())
    return counts


def component(folder: Path, library: str, name: str) -> Any:
    """On the meta device."""
    with torch.device("meta"):
        if library == "transformers":
            part_class = getattr(transformers, name)
            return part_class(part_class.config_class.from_pretrained(folder))
        part_class = getattr(diffusers, name)
        return part_class.from_config(part_class.load_config(str(folder)))


def show() -> None:
    print("| layout | image | weights | largest part | denoising | decoding | in tiles | all | `low` |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, size in DEFAULT_SIZES.items():
        layout = layout_folder(name)
        counts = weights(layout)
        model = MetaModel(layout, torch.float16)
        work = model.activation_memory(size, size)
        tiled = model.activation_memory(size // 2, size // 2).decoding
        total, largest = 2 * sum(counts.values()), 2 * max(counts.values())
        figures = (
            total,
            largest,
            work.denoising,
            work.decoding,
            tiled,
            total + work.peak,
            max(largest + work.denoising, 2 * counts["vae"] + work.decoding),
        )
        print(f"| `{name}` | {size}² | {' | '.join(f'{figure / 1e9:.2f}' for figure in figures)} |")


def measure(name: str) -> None:
    """In float32, on the CPU."""
    layout, size = layout_folder(name), DEFAULT_SIZES[name] // 8
    unet = diffusers.UNet2DConditionModel.from_config(diffusers.UNet2DConditionModel.load_config(str(layout / "unet")))
    vae = diffusers.AutoencoderKL.from_config(diffusers.AutoencoderKL.load_config(str(layout / "vae")))
    card = SimulatedGpu(torch.device("cpu"), 10**12)
    with torch.inference_mode(), card.tracked():
        words = torch.zeros(2, 77, unet.config.cross_attention_dim)  # type: ignore[union-attr]
        unet(torch.randn(2, 4, size, size), torch.full((2,), 500.0), encoder_hidden_states=words)  # type: ignore[operator]
        print(f"{name}: denoising {(card.peak_bytes() or 0) / 1e9:.3f} GB")
        card.reset_peak()
        vae.decode(torch.randn(1, 4, size, size))  # type: ignore[union-attr]
        print(f"{name}: decoding {(card.peak_bytes() or 0) / 1e9:.3f} GB")
    work = MetaModel(layout, torch.float32).activation_memory(8 * size, 8 * size)
    print(f"{name}: computed {work.denoising / 1e9:.3f} GB, {work.decoding / 1e9:.3f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", metavar="LAYOUT", choices=DEFAULT_SIZES)
    chosen = parser.parse_args().measure
    logging.set_verbosity_error()
    show() if chosen is None else measure(chosen)


if __name__ == "__main__":
    main()
