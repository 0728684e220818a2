"""Contents of a folder without `model_index.json`, and what to write as source instead."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from renderq_shared.catalog.json_files import INDEX, read_json
from renderq_shared.checkpoints import SUFFIXES

_MODULAR_INDEX = "modular_model_index.json"
_LORA_FILES = ("pytorch_lora_weights.safetensors", "pytorch_lora_weights.bin", "adapter_config.json")
_EMBEDDING_FILES = ("learned_embeds.safetensors", "learned_embeds.bin")
_WEIGHT_FOLDERS = (".", "models/Stable-diffusion", "Stable-diffusion", "models/checkpoints", "checkpoints")
"""Where programs with a graphical interface keep their models, below the folder that people name."""
_CACHED = "models--"
_MAX_NAMED = 3


def describe(folder: Path) -> str:
    """Return what a folder without `model_index.json` is, and what to do."""
    if (folder / _MODULAR_INDEX).is_file():
        modular = str(read_json(folder / _MODULAR_INDEX).get("_class_name"))
        plain = modular.removesuffix("ModularPipeline")
        hint = f"the repository of the plain {plain}Pipeline" if plain else "that of a plain pipeline"
        return f"is a modular pipeline ({modular}), which is not supported; take {hint}, with a {INDEX}"
    if not folder.is_dir():
        return f"has no {INDEX}; source must be the folder of a diffusers pipeline"
    if any((folder / name).is_file() for name in _LORA_FILES):
        return "holds a LoRA, which is an addition to a model; write it as source of a table [loras.NAME]"
    if any((folder / name).is_file() for name in _EMBEDDING_FILES):
        return "holds a textual inversion, which is an addition to a model, not a model"
    if nested := sorted(path.parent for path in (*folder.glob(f"*/{INDEX}"), *folder.glob(f"snapshots/*/{INDEX}"))):
        return f"has no {INDEX}, but {nested[0]} has: write that as source"
    if (folder / "config.json").is_file():
        kind = _component_class(read_json(folder / "config.json"))
        advice = f"; {folder.parent} is one" if (folder.parent / INDEX).is_file() else ""
        return f"holds a {kind} alone, without {INDEX}; source must be the folder of a whole pipeline{advice}"
    if folder.name.startswith(_CACHED) and folder.name.count("--") == 2:
        repository = folder.name.removeprefix(_CACHED).replace("--", "/")
        return f"is a download in the hub's cache; write hub:{repository} as source"
    if files := _single_files(folder):
        return f"has no {INDEX}; write the file of weights as source: {' or '.join(map(str, files))}"
    if next(folder.iterdir(), None) is None:
        return "is empty; download the model again"
    return f"has no {INDEX}; source must be the folder of a diffusers pipeline"


def _component_class(config: Mapping[str, Any]) -> object:
    architectures = config.get("architectures")
    if isinstance(architectures, list) and architectures:
        return architectures[0]
    return config.get("_class_name", "component")


def _single_files(folder: Path) -> list[Path]:
    """Return some files of weights in the folder, or where a program keeps them below it."""
    for place in _WEIGHT_FOLDERS:
        if (folder / place).is_dir():
            files = (path for path in (folder / place).iterdir() if path.suffix in SUFFIXES)
            if found := sorted(files)[:_MAX_NAMED]:
                return found
    return []
