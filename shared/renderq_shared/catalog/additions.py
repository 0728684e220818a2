"""What LoRAs and textual inversions have in common: their file, and the models that they are added to."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from renderq_shared.catalog.entries import ModelEntry
from renderq_shared.checkpoints import SUFFIXES
from renderq_shared.errors import CatalogInvalid

_MAX_NAMED = 3


def adapter_file(source: Path, published: tuple[str, ...]) -> Path:
    """Return a file, or the one of a folder: the first of these names, or the only weights. Raises `CatalogInvalid`."""
    if not source.is_dir():
        return source
    for name in published:
        if (source / name).is_file():
            return source / name
    files = sorted(path for path in source.iterdir() if path.suffix in SUFFIXES)
    if len(files) == 1:
        return files[0]
    if not files:
        raise CatalogInvalid(f"{source} holds no file of weights")
    raise CatalogInvalid(
        f"{source} holds {len(files)} files of weights; write one of them as source: "
        f"{' or '.join(map(str, files[:_MAX_NAMED]))}"
    )


def fitting_models(
    base: Collection[str], models: Mapping[str, ModelEntry], refusal: str, mismatch: Callable[[ModelEntry], str | None]
) -> tuple[ModelEntry, ...]:
    """Return the models that `base` names, and those of families in it that the addition fits. Raises `CatalogInvalid`.

    `mismatch` says why it does not fit a model; None if nothing speaks against it. `refusal` begins the message, up to
    `does not fit`.
    """
    found: dict[str, ModelEntry] = {}
    for name in base:
        named = [models[name]] if name in models else [model for model in models.values() if model.family == name]
        if not named:
            raise CatalogInvalid(
                f"base {name!r} is neither a model of the file, which has {', '.join(models)}, nor the family of one"
            )
        reasons = {model.name: mismatch(model) for model in named}
        fitting = {model.name: model for model in named if reasons[model.name] is None}
        if not fitting:
            raise CatalogInvalid(f"{refusal} its base {named[0].name!r}: {reasons[named[0].name]}")
        found |= fitting
    return tuple(found.values())
