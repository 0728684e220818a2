"""`model_index.json` of a diffusers folder: class and components of the pipeline, and those that may be left out."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from renderq_shared.catalog.config_values import ComponentConfig, read_config
from renderq_shared.catalog.folder_contents import describe
from renderq_shared.catalog.json_files import INDEX
from renderq_shared.errors import CatalogInvalid
from renderq_shared.field_values import shortened

_OMITTABLE: Mapping[str, tuple[str, ...]] = {
    "text_encoder_3": ("text_encoder_3", "tokenizer_3"),
    "tokenizer_3": ("text_encoder_3", "tokenizer_3"),
    "safety_checker": ("safety_checker", "feature_extractor"),
    "feature_extractor": ("safety_checker", "feature_extractor"),
    "image_encoder": ("image_encoder",),
    "depth_estimator": ("depth_estimator",),
}
"""Components that the stock pipelines work without → what has no use without them either."""


def read_index(folder: Path) -> ComponentConfig:
    """Return the parsed `model_index.json`.

    Raises `CatalogInvalid` for a folder without one, with advice, and for a pipeline that brings its own code.
    """
    if not (folder / INDEX).exists():
        raise CatalogInvalid(f"{folder} {describe(folder)}")
    index = read_config(folder / INDEX)
    _refuse_own_code(folder, index)
    for name, value in index.items():
        if isinstance(value, list) and not name.startswith("_") and not _is_component(value):
            raise CatalogInvalid(f"{folder / INDEX}: {name} is {shortened(value)}, expected a library and a class")
    return index


def components(index: Mapping[str, Any]) -> Mapping[str, tuple[str | None, str | None]]:
    """Return component → library and class; both None for a component that the folder declares to be left out."""
    return {
        name: (None, None) if value[0] is None else (value[0], value[1])
        for name, value in index.items()
        if isinstance(value, list) and _is_component(value)
    }


def _is_component(value: list[Any]) -> bool:
    """Return whether a value of the index has a library and a class; without a library the component is left out."""
    if len(value) != 2 or not isinstance(value[1], str | None):
        return False
    return value[0] is None or (isinstance(value[0], str) and value[1] is not None)


def omitted_components(index: Mapping[str, Any], without: Iterable[str]) -> tuple[str, ...]:
    """Return the components to load the pipeline without, if these are unwanted. Raises `CatalogInvalid`."""
    known, without = components(index), tuple(without)
    omitted = omitted_together(without)
    for name in without:
        if name not in known:
            raise CatalogInvalid(f"without: the pipeline has no {name}; it has {', '.join(known)}")
    return tuple(name for name in omitted if name in known)


def omitted_together(without: Iterable[str]) -> tuple[str, ...]:
    """Return these components and what has no use without them. Raises `CatalogInvalid` for a needed one."""
    omitted: set[str] = set()
    for name in without:
        if name not in _OMITTABLE:
            raise CatalogInvalid(f"without: {name!r} is needed; {', '.join(_OMITTABLE)} can be left out")
        omitted.update(_OMITTABLE[name])
    return tuple(sorted(omitted))


def is_omittable(component: str) -> bool:
    """Return whether stock pipelines work without this component."""
    return component in _OMITTABLE


def without_for(components: Iterable[str]) -> list[str]:
    """Return the shortest `without` that leaves out these components, which are all omittable."""
    missing, names = set(components), list[str]()
    for name, omitted in _OMITTABLE.items():
        if name in missing:
            names.append(name)
            missing.difference_update(omitted)
    return names


def _refuse_own_code(folder: Path, index: Mapping[str, Any]) -> None:
    for name, value in index.items():
        library = value[0] if isinstance(value, list) and value else None
        if name == "_class_name" and library is not None:
            raise CatalogInvalid(f"{folder} brings its own code for the pipeline, {library}.py, which is never run")
        if isinstance(library, str) and any((place / f"{library}.py").is_file() for place in (folder, folder / name)):
            raise CatalogInvalid(f"{folder} brings its own code for {name}, {library}.py, which is never run")
