"""Which files of a diffusers folder a component is loaded from, and what is missing for that."""

import re
from collections.abc import Iterator
from pathlib import Path

from renderq_shared.catalog.pipeline_config import read_json
from renderq_worker.models.errors import ModelLoadFailed

_NAME = re.compile(
    r"(?:diffusion_pytorch_model|pytorch_model|model)(?:\.(?P<variant>\w+))?(?:-\d{5}-of-(?P<parts>\d{5}))?"
    r"(?:\.(?P<late_variant>\w+))?\.(?P<kind>safetensors|bin)"
)
_CONFIGURATIONS = ("scheduler_config.json", "preprocessor_config.json", "tokenizer_config.json")
"""What a component without weights brings."""


def components(folder: Path) -> tuple[str, ...]:
    """Names of the pipeline's parts, as `model_index.json` lists them. Raises `CatalogInvalid`."""
    index = read_json(folder / "model_index.json")
    return tuple(name for name, value in index.items() if isinstance(value, list) and value and value[0] is not None)


def weight_files(folder: Path, component: str, variant: str | None) -> tuple[Path, ...]:
    """What is loaded for this component: safetensors before pickles, the variant where there is one.

    None for a component without weights, such as a scheduler. Raises `ModelLoadFailed` when files are missing.
    """
    place = folder / component
    if not (place / "config.json").is_file():
        if not any((place / name).is_file() for name in _CONFIGURATIONS):
            raise ModelLoadFailed(f"{folder} has no {component}, which its model_index.json lists; download it again")
        return ()
    for wanted in dict.fromkeys((variant, None)):
        for kind in ("safetensors", "bin"):
            found = tuple(_matching(place, wanted, kind))
            if found:
                return found
    raise ModelLoadFailed(f"{place} has no weights{_others(place)}; download the model again")


def _matching(place: Path, variant: str | None, kind: str) -> Iterator[Path]:
    """Files of one set of weights. Raises `ModelLoadFailed` for a set that is incomplete."""
    found, parts = list[Path](), 1
    for path in sorted(place.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match and match["kind"] == kind and (match["variant"] or match["late_variant"]) == variant:
            found.append(path)
            parts = int(match["parts"] or 1)
    if found and len(found) != parts:
        raise ModelLoadFailed(f"{place} has {len(found)} of {parts} files of weights; download the model again")
    yield from found


def _others(place: Path) -> str:
    """A hint at weights that are there under another name."""
    matches = filter(None, (_NAME.fullmatch(path.name) for path in place.iterdir()))
    variants = sorted({match["variant"] or match["late_variant"] or "" for match in matches} - {""})
    return f", but a variant: {' or '.join(map(repr, variants))}" if variants else ""
