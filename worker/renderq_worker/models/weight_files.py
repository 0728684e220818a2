"""Weight files of the components in a diffusers folder."""

import re
from collections.abc import Iterator
from pathlib import Path

from renderq_shared.catalog.pipeline_config import read_json
from renderq_worker.models.errors import ModelLoadFailed

_NAME = re.compile(
    r"(?:diffusion_pytorch_model|pytorch_model|model)(?:\.(?P<variant>\w+))?(?:-\d{5}-of-(?P<parts>\d{5}))?"
    r"(?:\.(?P<late_variant>\w+))?\.(?P<kind>safetensors|bin)"
)
_CONFIG_FILES = ("scheduler_config.json", "preprocessor_config.json", "tokenizer_config.json")
"""Files of which a component without weights has at least one."""


def components(folder: Path) -> tuple[str, ...]:
    """Return the names of the pipeline's components in `model_index.json`. Raises `CatalogInvalid`."""
    index = read_json(folder / "model_index.json")
    return tuple(name for name, value in index.items() if isinstance(value, list) and value and value[0] is not None)


def weight_files(folder: Path, component: str, variant: str | None) -> tuple[Path, ...]:
    """Return the files to load for this component: the variant if present, safetensors before pickles.

    Empty for a component without weights, such as a scheduler. Raises `ModelLoadFailed` for missing files.
    """
    directory = folder / component
    if not (directory / "config.json").is_file():
        if not any((directory / name).is_file() for name in _CONFIG_FILES):
            raise ModelLoadFailed(f"{folder} has no {component}, which its model_index.json lists; download it again")
        return ()
    for candidate in dict.fromkeys((variant, None)):
        for kind in ("safetensors", "bin"):
            paths = tuple(_matching(directory, candidate, kind))
            if paths:
                return paths
    raise ModelLoadFailed(f"{directory} has no weights{_variant_hint(directory)}; download the model again")


def _matching(directory: Path, variant: str | None, kind: str) -> Iterator[Path]:
    """Yield the files of one set of weights. Raises `ModelLoadFailed` for an incomplete set."""
    paths, parts = list[Path](), 1
    for path in sorted(directory.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match and match["kind"] == kind and (match["variant"] or match["late_variant"]) == variant:
            paths.append(path)
            parts = int(match["parts"] or 1)
    if paths and len(paths) != parts:
        raise ModelLoadFailed(f"{directory} has {len(paths)} of {parts} files of weights; download the model again")
    yield from paths


def _variant_hint(directory: Path) -> str:
    """Return a hint at variants that are present, or an empty string."""
    matches = filter(None, (_NAME.fullmatch(path.name) for path in directory.iterdir()))
    variants = sorted({match["variant"] or match["late_variant"] or "" for match in matches} - {""})
    return f", but a variant: {' or '.join(map(repr, variants))}" if variants else ""
