"""The `renderq models check` and `renderq models pull` commands."""

import argparse
import json
import sys
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from renderq.cli.command import Command
from renderq.cli.formatting import table

if TYPE_CHECKING:
    from renderq_shared.catalog import ModelConfig
    from renderq_worker.commands.models_check import ModelReport

_EXIT_OK, _EXIT_PROBLEM, _EXIT_USAGE, _EXIT_UNAVAILABLE = 0, 1, 2, 3
"""Success; a model has a problem; invalid names, catalog or access to the hub; the hub is unavailable."""

_HEADER = ("MODEL", "FAMILY", "TASKS", "WEIGHTS", "DTYPE", "FLOAT32", "FLOAT16", "IMAGE", "MEMORY", "")


def _add_catalog(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="models of the catalog (default: all)")
    parser.add_argument("--models", type=Path, metavar="FILE", help="model catalog (models.toml)")


def _add_check(parser: argparse.ArgumentParser) -> None:
    _add_catalog(parser)
    parser.add_argument("--device", help="device to check for: auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--json", action="store_true", help="print the reports as a JSON array")


def _check(arguments: argparse.Namespace) -> int:
    from transformers.utils import logging

    from renderq_shared.settings import WorkerSettings

    logging.set_verbosity_error()  # else it warns about missing optional libraries
    from renderq_worker.commands.models_check import check_model

    settings = WorkerSettings.from_options({"models": arguments.models, "device": arguments.device})
    configs = _model_configs("models check", settings.models, arguments.names)
    if configs is None:
        return _EXIT_USAGE
    reports = [check_model(name, config, settings.models, settings) for name, config in configs.items()]
    if arguments.json:
        print(json.dumps([asdict(report) for report in reports], indent=2, ensure_ascii=False))  # noqa: T201
    else:
        print(table(_HEADER, [_row(report) for report in reports]))  # noqa: T201
        for report in reports:
            if report.problem is not None:
                _print_error("models check", report.problem)
    return _EXIT_PROBLEM if any(report.problem for report in reports) else _EXIT_OK


def _pull(arguments: argparse.Namespace) -> int:
    from renderq_shared.catalog import default_cache
    from renderq_shared.errors import CatalogInvalid
    from renderq_shared.settings import SharedSettings
    from renderq_worker.commands.models_pull import pull_model
    from renderq_worker.errors import DownloadRefused, HubUnavailable

    options = {} if arguments.models is None else {"models": arguments.models}
    settings = SharedSettings(**options)
    configs = _model_configs("models pull", settings.models, arguments.names)
    if configs is None:
        return _EXIT_USAGE
    codes = [_EXIT_OK]
    for name, config in configs.items():
        try:
            if (source := config.hub) is not None:
                print(f"{name}  {pull_model(source, config.variant, default_cache())}")  # noqa: T201
            elif name in arguments.names:
                raise DownloadRefused(f"{config.source} is not on the hub; there is nothing to download")
        except (DownloadRefused, CatalogInvalid) as error:
            _print_error("models pull", f"model {name!r}: {error}")
            codes.append(_EXIT_USAGE)
        except HubUnavailable as error:
            _print_error("models pull", f"model {name!r}: {error}")
            codes.append(_EXIT_UNAVAILABLE)
    return max(codes)


def _model_configs(command: str, path: Path | None, names: Collection[str]) -> "dict[str, ModelConfig] | None":
    """Return the catalog's configurations of these models (all without names).

    Prints an error and returns `None` if the catalog cannot be read or lacks one of them.
    """
    from renderq_shared.catalog import read_models_file
    from renderq_shared.errors import CatalogInvalid

    try:
        models = read_models_file(path).models
    except CatalogInvalid as error:
        return _print_error(command, str(error))
    unknown = [name for name in names if name not in models]
    if unknown:
        return _print_error(command, f"no model is called {unknown[0]!r}; there are {', '.join(models)}")
    return {name: config for name, config in models.items() if not names or name in names}


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
        *(f"{report.needed_bytes[dtype] / 1e9:.1f} GB" for dtype in ("float32", "float16")),
        "unknown" if report.activation_bytes is None else f"{report.activation_bytes / 1e9:.1f} GB",
        report.memory_mode,
        status,
    )


def _print_error(command: str, message: str) -> None:
    print(f"renderq {command}: {message}", file=sys.stderr)  # noqa: T201


check_command = Command(
    help="Check the models of a catalog and estimate the memory they need, without loading them.",
    add_arguments=_add_check,
    run=_check,
)

pull_command = Command(help="Download the catalog's models from the hub.", add_arguments=_add_catalog, run=_pull)
