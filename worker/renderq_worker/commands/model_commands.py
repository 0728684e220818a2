"""The command lines of `renderq models check` and `renderq models pull`."""

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

_OK, _PROBLEM, _REFUSED, _UNAVAILABLE = 0, 1, 2, 3
"""Exit codes: all is well; a model has a problem; the command line or the catalog is wrong; the hub is away."""

_HEADER = ("MODEL", "FAMILY", "TASKS", "WEIGHTS", "RUNS IN", "FLOAT32", "FLOAT16", "A PICTURE", "MEMORY", "")


def _add_catalog(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="models of the catalog (default: all of them)")
    parser.add_argument("--models", type=Path, metavar="FILE", help="the catalog, a models.toml")


def _add_check(parser: argparse.ArgumentParser) -> None:
    _add_catalog(parser)
    parser.add_argument("--device", help="where they should run: auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--json", action="store_true", help="print the findings as a JSON array")


def _check(arguments: argparse.Namespace) -> int:
    from transformers.utils import logging

    from renderq_shared.settings import WorkerSettings

    logging.set_verbosity_error()  # or it complains that a library is missing which nobody needs
    from renderq_worker.commands.models_check import check_model

    given = {name: getattr(arguments, name) for name in ("models", "device")}
    settings = WorkerSettings(**{name: value for name, value in given.items() if value is not None})
    said = _said(settings.models, arguments.names)
    if said is None:
        return _REFUSED
    findings = [check_model(name, entry, settings.models, settings) for name, entry in said.items()]
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))  # noqa: T201
    else:
        print(table(_HEADER, [_row(finding) for finding in findings]))  # noqa: T201
        for finding in findings:
            if finding.problem is not None:
                _complain("models check", finding.problem)
    return _PROBLEM if any(finding.problem for finding in findings) else _OK


def _pull(arguments: argparse.Namespace) -> int:
    from renderq_shared.catalog import default_cache
    from renderq_shared.errors import CatalogInvalid
    from renderq_shared.settings import SharedSettings
    from renderq_worker.commands.models_pull import pull_model
    from renderq_worker.errors import DownloadRefused, HubUnavailable

    given = {} if arguments.models is None else {"models": arguments.models}
    settings = SharedSettings(**given)
    said = _said(settings.models, arguments.names)
    if said is None:
        return _REFUSED
    codes = [_OK]
    for name, entry in said.items():
        try:
            if (source := entry.hub) is not None:
                print(f"{name}  {pull_model(source, entry.variant, default_cache())}")  # noqa: T201
            elif name in arguments.names:
                raise DownloadRefused(f"{entry.source} is not on the hub; there is nothing to download")
        except (DownloadRefused, CatalogInvalid) as error:
            _complain("models pull", f"model {name!r}: {error}")
            codes.append(_REFUSED)
        except HubUnavailable as error:
            _complain("models pull", f"model {name!r}: {error}")
            codes.append(_UNAVAILABLE)
    return max(codes)


def _said(path: Path | None, names: Collection[str]) -> "dict[str, ModelConfig] | None":
    """What the catalog says of these models; None, after a complaint, where it cannot be read or has not all."""
    from renderq_shared.catalog import read_models_file
    from renderq_shared.errors import CatalogInvalid

    try:
        models = read_models_file(path).models
    except CatalogInvalid as error:
        return _complain("models", str(error))
    unknown = [name for name in names if name not in models]
    if unknown:
        return _complain("models", f"no model is called {unknown[0]!r}; there are {', '.join(models)}")
    return {name: entry for name, entry in models.items() if not names or name in names}


def _row(finding: "ModelReport") -> tuple[object, ...]:
    verdict = "has a problem" if finding.problem else "ok"
    if not finding.family:
        return (finding.model, *"--------", verdict)
    needed = [f"{finding.needed_bytes[dtype] / 1e9:.1f} GB" for dtype in ("float32", "float16")]
    weights = f"{finding.parameters / 1e6:,.0f} M"
    picture = "unknown" if finding.activation_bytes is None else f"{finding.activation_bytes / 1e9:.1f} GB"
    kept = picture, finding.memory_mode
    return (finding.model, finding.family, " ".join(finding.tasks), weights, finding.dtype, *needed, *kept, verdict)


def _complain(command: str, reason: str) -> None:
    print(f"renderq {command}: {reason}", file=sys.stderr)  # noqa: T201


check_command = Command(
    help="Say what is wrong with the models of a catalog, and what memory they need. Loads none of them.",
    add_arguments=_add_check,
    run=_check,
)

pull_command = Command(
    help="Download the models that the catalog names on the hub.", add_arguments=_add_catalog, run=_pull
)
