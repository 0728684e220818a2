"""Downloading what the catalog names on the hub, into the hub's own cache: the one place that asks the network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diffusers import DiffusionPipeline
from diffusers.utils import logging
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from renderq_shared.catalog import HubSource
from renderq_worker.errors import DownloadRefused, HubUnavailable, WorkerError

_REFUSALS: tuple[tuple[type[Exception], str], ...] = (
    (GatedRepoError, "it is only given to those who accepted its terms: do so on the hub, and set HF_TOKEN"),
    (RepositoryNotFoundError, "the hub has no such repository, or it is private: then set HF_TOKEN"),
    (RevisionNotFoundError, "it has no such revision"),
    (RemoteEntryNotFoundError, "it has no such file, or no model_index.json"),
    (HFValidationError, "this is no name of a repository"),
)


def pull_model(source: HubSource, variant: str | None, cache: Path) -> Path:
    """The folder or file, downloaded unless it is there. Raises `DownloadRefused` or `HubUnavailable`."""
    logging.set_verbosity_error()
    try:
        return Path(_file(source, cache) if source.file else _pipeline(source, variant, cache))
    except (OSError, ValueError) as error:
        raise _translated(error, source) from error


def _file(source: HubSource, cache: Path) -> str:
    return hf_hub_download(source.repository, str(source.file), revision=source.revision, cache_dir=cache)


def _pipeline(source: HubSource, variant: str | None, cache: Path) -> str:
    """What the pipeline needs and no more: one format of the weights, no code."""
    download: Any = DiffusionPipeline.download
    return download(source.repository, revision=source.revision, variant=variant, cache_dir=cache)


def _translated(error: Exception, source: HubSource) -> WorkerError:
    """The reason behind it: diffusers hides the hub's answer behind errors of its own."""
    what = f"{source.repository}{f'/{source.file}' if source.file else ''} (revision {source.revision})"
    for cause in _causes(error):
        for kind, refusal in _REFUSALS:
            if isinstance(cause, kind):
                return DownloadRefused(f"{what}: {refusal}")
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return HubUnavailable(f"{what} could not be downloaded, and is not complete in the hub's cache: {first}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
