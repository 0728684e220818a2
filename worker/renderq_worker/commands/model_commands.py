"""The `renderq models check` and `renderq models pull` commands."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

from renderq.cli.formatting import gigabytes, print_error, table
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import FILE

if TYPE_CHECKING:
    from renderq_worker.commands.models_check import ModelReport

_EXIT_OK, _EXIT_PROBLEM, _EXIT_USAGE, _EXIT_UNAVAILABLE = 0, 1, 2, 3
"""Success; a model has a problem; invalid names, catalog or access to the hub; the hub is unavailable."""

_HEADER = ("MODEL", "FAMILY", "TASKS", "WEIGHTS", "DTYPE", "FLOAT32", "FLOAT16", "IMAGE", "MEMORY", "")


Config = TypeVar("Config")
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _catalog_options(function: Decorated) -> Decorated:
    names = click.argument("names", nargs=-1, metavar="[NAME]...", help="models of the catalog (default: all)")
    models = click.option("--models", type=FILE, metavar="FILE", help="model catalog (models.toml)")
    return names(models(function))


@define_command("check the models of a catalog and estimate the memory they need, without loading them")
@_catalog_options
@click.option("--device", metavar="DEVICE", help="device to check for: auto, cpu, cuda or cuda:N (default: auto)")
@json_option("print the reports as a JSON array")
def check_command(names: tuple[str, ...], models: Path | None, device: str | None) -> int:
    from renderq_shared.catalog import read_model_configs
    from renderq_shared.errors import SettingsInvalid
    from renderq_shared.settings import WorkerSettings

    try:
        settings = WorkerSettings.from_options({"models": models, "device": device})
    except SettingsInvalid as error:
        _print_error("models check", str(error))
        return _EXIT_USAGE
    if not _libraries_fit("models check"):
        return _EXIT_PROBLEM
    configs = _configs("models check", lambda: read_model_configs(settings.models), names)
    if configs is None:
        return _EXIT_USAGE
    from renderq_worker.commands.models_check import check_model

    reports = [check_model(name, config, settings.models, settings) for name, config in configs.items()]
    if wants_json():
        print(json.dumps([asdict(report) for report in reports], indent=2))  # noqa: T201
    else:
        print(table(_HEADER, [_row(report) for report in reports]))  # noqa: T201
        for report in reports:
            if report.problem is not None:
                _print_error("models check", report.problem)
    return _EXIT_PROBLEM if any(report.problem for report in reports) else _EXIT_OK


def _libraries_fit(command: str) -> bool:
    """Return whether models can be loaded at all; print the reason if not."""
    from renderq_worker.errors import LibrariesUnfit
    from renderq_worker.libraries import check_libraries

    try:
        check_libraries()
    except LibrariesUnfit as error:
        _print_error(command, str(error))
        return False
    return True


@define_command("download the catalog's models, LoRAs and textual inversions from the hub")
@_catalog_options
def pull_command(names: tuple[str, ...], models: Path | None) -> int:
    from renderq_shared.catalog import LoraConfig, ModelConfig, default_cache, read_source_configs
    from renderq_shared.catalog.embeddings import EMBEDDING_FILES
    from renderq_shared.catalog.loras import LORA_FILES
    from renderq_shared.errors import CatalogInvalid, SettingsInvalid
    from renderq_shared.settings import SharedSettings

    try:
        settings = SharedSettings.from_options({"models": models})
    except SettingsInvalid as error:
        _print_error("models pull", str(error))
        return _EXIT_USAGE
    if not _libraries_fit("models pull"):
        return _EXIT_PROBLEM
    configs = _configs("models pull", lambda: read_source_configs(settings.models), names)
    if configs is None:
        return _EXIT_USAGE
    from renderq_worker.commands.models_pull import pull_addition, pull_model
    from renderq_worker.errors import DownloadRefused, HubUnavailable

    codes = [_EXIT_OK]
    for name, config in configs.items():
        try:
            if (source := config.hub) is None:
                if name in names:
                    raise DownloadRefused(f"{config.source} is not on the hub; there is nothing to download")
                continue
            if isinstance(config, ModelConfig):
                path = pull_model(source, config.variant, default_cache(), config.without)
            else:
                path = pull_addition(
                    source, LORA_FILES if isinstance(config, LoraConfig) else EMBEDDING_FILES, default_cache()
                )
            print(f"{name}  {path}")  # noqa: T201
        except (DownloadRefused, CatalogInvalid) as error:
            _print_error("models pull", f"model {name!r}: {error}")
            codes.append(_EXIT_USAGE)
        except HubUnavailable as error:
            _print_error("models pull", f"model {name!r}: {error}")
            codes.append(_EXIT_UNAVAILABLE)
    return max(codes)


def _configs(
    command: str, read: Callable[[], Mapping[str, Config]], names: Collection[str]
) -> dict[str, Config] | None:
    """Return the catalog's entries of these names (all without names).

    Prints an error and returns `None` if the catalog cannot be read or lacks one of them.
    """
    from renderq_shared.errors import CatalogInvalid

    try:
        configs = read()
    except CatalogInvalid as error:
        return _print_error(command, str(error))
    unknown = [name for name in names if name not in configs]
    if unknown:
        return _print_error(command, f"no model is called {unknown[0]!r}; there are {', '.join(configs)}")
    return {name: config for name, config in configs.items() if not names or name in names}


def _row(report: "ModelReport") -> tuple[object, ...]:
    status = "has a problem" if report.problem else "ok"
    if not report.family:
        return (report.model, *"--------", status)
    return (
        report.model,
        report.family,
        " ".join(report.tasks),
        f"{report.parameters / 1e6:,.0f} M",
        report.dtype,
        *(gigabytes(report.needed_bytes[dtype]) for dtype in ("float32", "float16")),
        "unknown" if report.activation_bytes is None else gigabytes(report.activation_bytes),
        report.memory_mode,
        status,
    )


def _print_error(command: str, message: str) -> None:
    for line in message.splitlines():
        print_error(line, f"renderq {command}")
