"""Weight files of a diffusers folder, found as diffusers and transformers find them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.json_files import read_json
from renderq_shared.catalog.pipeline_folder import components, is_omittable, read_index, without_for
from renderq_worker.models.errors import ModelLoadFailed

_WITHOUT_WEIGHTS = re.compile(r"Tokenizer|Processor|FeatureExtractor|Scheduler")
"""In the class names of components without weights."""
_CONFIG_FILES = ("scheduler_config.json", "preprocessor_config.json", "tokenizer_config.json", "processor_config.json")
"""Files of which a component without weights has at least one."""
_VARIANT = re.compile(
    r"(?:diffusion_pytorch_model|pytorch_model|model)\.(?P<variant>\w+)(?:-\d{5}-of-\d{5})?\.(?:safetensors|bin)"
)


@dataclass(frozen=True, slots=True)
class _Convention:
    """File names of a library, without variant and suffix, and what it does with an index of files in parts."""

    safetensors: str
    pickles: str
    prefers_index: bool
    loads_pickles_in_parts: bool


_DIFFUSERS = _Convention("diffusion_pytorch_model", "diffusion_pytorch_model", True, False)
_TRANSFORMERS = _Convention("model", "pytorch_model", False, True)


def present_components(entry: ModelEntry) -> Mapping[str, tuple[str, str]]:
    """Return component → library and class of everything to load. Raises `CatalogInvalid`."""
    index = read_index(Path(entry.source))
    return {
        name: (library, kind)
        for name, (library, kind) in components(index).items()
        if library is not None and kind is not None and name not in entry.without
    }


def weight_files(entry: ModelEntry) -> Mapping[str, tuple[Path, ...]]:
    """Return component → files to load: the variant if the component has it, safetensors before pickles.

    Components without weights, such as schedulers, are left out. Raises `CatalogInvalid`, and `ModelLoadFailed` for
    missing files.
    """
    folder, present = Path(entry.source), present_components(entry)
    _check_present(folder, present)
    _check_variant(entry, present)
    return {
        name: _files_of(folder / name, library, entry.variant)
        for name, (library, kind) in present.items()
        if not _WITHOUT_WEIGHTS.search(kind)
    }


def _check_present(folder: Path, present: Iterable[str]) -> None:
    """Raise `ModelLoadFailed` for components without a configuration."""
    configs = ("config.json", *_CONFIG_FILES)
    missing = [name for name in present if not any((folder / name / config).is_file() for config in configs)]
    if not missing:
        return
    remedy = "download it again"
    if all(map(is_omittable, missing)):
        nulls = ", ".join(f'"{name}": [null, null]' for name in missing)
        remedy += f", or do without: without = {json.dumps(without_for(missing))}, or {nulls} in model_index.json"
    raise ModelLoadFailed(f"{folder} has no {' and no '.join(missing)}, which its model_index.json lists; {remedy}")


def _check_variant(entry: ModelEntry, present: Mapping[str, tuple[str, str]]) -> None:
    """Raise `ModelLoadFailed` if no component has this variant."""
    folder, variant = Path(entry.source), entry.variant
    if variant is None or any(has_variant(folder / name, variant) for name in present):
        return
    variants = sorted({found for name in present for found in _variants(folder / name)})
    hint = f"it has {' and '.join(map(repr, variants))}" if variants else "omit variant"
    raise ModelLoadFailed(f"{folder} has no weights of the variant {variant!r}; {hint}")


def has_variant(directory: Path, variant: str) -> bool:
    """Return whether a component has files of this variant: by diffusers' rule, in the second part of a name.

    Raises `ModelLoadFailed` for a name that diffusers fails at because it has one part.
    """
    for path in _files(directory):
        _, dot, rest = path.name.partition(".")
        if not dot:
            raise ModelLoadFailed(f"{path} has no suffix, which diffusers cannot read beside a variant; remove it")
        if rest.startswith(variant):
            return True
    return False


def _files_of(directory: Path, library: str, variant: str | None) -> tuple[Path, ...]:
    conventions = {"diffusers": (_DIFFUSERS,), "transformers": (_TRANSFORMERS,)}
    own = variant if variant is not None and has_variant(directory, variant) else None
    for convention in conventions.get(library, (_TRANSFORMERS, _DIFFUSERS)):
        if paths := _find(directory, convention, own):
            return paths
    raise ModelLoadFailed(f"{directory} {_absence(directory, library, own)}")


def _find(directory: Path, convention: _Convention, variant: str | None) -> tuple[Path, ...]:
    """Return the files of one set of weights. Raises `ModelLoadFailed` for an incomplete set."""
    suffix = f".{variant}" if variant else ""
    single = directory / f"{convention.safetensors}{suffix}.safetensors"
    index = directory / f"{convention.safetensors}.safetensors.index{suffix}.json"
    choices = [single, index]
    if convention.prefers_index:
        choices.reverse()
    choices.append(directory / f"{convention.pickles}{suffix}.bin")
    if convention.loads_pickles_in_parts:
        choices.append(directory / f"{convention.pickles}.bin.index{suffix}.json")
    for path in choices:
        if path.is_file():
            return _parts(path) if path.suffix == ".json" else (path,)
    return ()


def _parts(index: Path) -> tuple[Path, ...]:
    """Return the files that an index names. Raises `ModelLoadFailed` if one is missing."""
    weights = read_json(index).get("weight_map")
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights.values()):
        raise ModelLoadFailed(f"{index} has no weight_map; download it again")
    names = sorted(set(weights.values()))
    if outside := [name for name in names if Path(name).name != name]:
        raise ModelLoadFailed(f"{index} names {outside[0]!r}, expected files in its own folder")
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        raise ModelLoadFailed(
            f"{index.parent} lacks {len(missing)} of the {len(names)} files of weights that {index.name} names: "
            f"{', '.join(missing[:3])}; download the model again"
        )
    return tuple(index.parent / name for name in names)


def _absence(directory: Path, library: str, variant: str | None) -> str:
    """Return what is there instead of weights, and what to do."""
    names = [path.name for path in _files(directory)]
    parts = [name for name in names if "-of-" in name]
    if variant is None and (variants := _variants(directory)):
        choice = " or ".join(f'variant = "{each}"' for each in variants)
        return f"has no weights but those of a variant; write {choice}"
    if parts and library == "diffusers" and all(name.endswith(".bin") for name in parts):
        return "has pickled weights in several files, which diffusers cannot load; take a version in safetensors"
    if parts:
        stem = _DIFFUSERS.safetensors if library == "diffusers" else _TRANSFORMERS.safetensors
        index = f"{stem}.safetensors.index{f'.{variant}' if variant else ''}.json"
        return f"has {len(parts)} files of weights but no {index}, which says what they hold; download that file"
    others = [name for name in names if name.endswith((".safetensors", ".bin", ".gguf", ".msgpack", ".onnx", ".pt"))]
    if others:
        expected = f"{_DIFFUSERS.safetensors if library == 'diffusers' else _TRANSFORMERS.safetensors}.safetensors"
        return f"has no weights under a name that {library} loads, such as {expected}, but {', '.join(others[:3])}"
    return "has no weights; download the model again"


def _variants(directory: Path) -> list[str]:
    matches = (_VARIANT.fullmatch(path.name) for path in _files(directory))
    return sorted({match["variant"] for match in matches if match})


def _files(directory: Path) -> Iterator[Path]:
    return directory.iterdir() if directory.is_dir() else iter(())
