"""Downloads models from the hub into the hub's own cache: the only code that uses the network."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
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
from renderq_shared.catalog.pipeline_folder import omitted_together
from renderq_worker.errors import DownloadRefused, HubUnavailable, WorkerError

_HUB_ERRORS: tuple[tuple[type[Exception], str], ...] = (
    (GatedRepoError, "access requires accepting its terms: do so on the hub, and set HF_TOKEN"),
    (RepositoryNotFoundError, "the hub has no such repository, or it is private; if so, set HF_TOKEN"),
    (RevisionNotFoundError, "it has no such revision"),
    (RemoteEntryNotFoundError, "it has no such file, or no model_index.json"),
    (HFValidationError, "this is not a valid repository name"),
)


def pull_model(source: HubSource, variant: str | None, cache: Path, without: Iterable[str] = ()) -> Path:
    """Return the folder or file, downloaded if not cached. Raises `DownloadRefused` or `HubUnavailable`.

    Components to be left out (`without`) are not downloaded.
    """
    logging.set_verbosity_error()
    try:
        if source.file:
            return Path(_download_file(source, cache))
        return Path(_download_pipeline(source, variant, cache, omitted_together(without)))
    except (OSError, ValueError) as error:
        raise _translate(error, source) from error


def pull_addition(source: HubSource, published: tuple[str, ...], cache: Path) -> Path:
    """Return the file of a LoRA or a textual inversion, downloaded if not cached.

    That of a repository has one of the `published` names.

    Raises `DownloadRefused` or `HubUnavailable`.
    """
    for name in (source.file,) if source.file else published:
        try:
            return Path(_download_file(replace(source, file=name), cache))
        except RemoteEntryNotFoundError as error:
            if source.file:
                raise _translate(error, source) from error
        except (OSError, ValueError) as error:
            raise _translate(error, source) from error
    raise DownloadRefused(f"{source.repository} has no {published[0]}; write hub:OWNER/NAME/FILE as source")


def _download_file(source: HubSource, cache: Path) -> str:
    return hf_hub_download(source.repository, str(source.file), revision=source.revision, cache_dir=cache)


def _download_pipeline(source: HubSource, variant: str | None, cache: Path, omitted: Iterable[str]) -> str:
    """Download only what the pipeline needs: one format of the weights, no code."""
    download: Any = DiffusionPipeline.download
    options = dict.fromkeys(omitted)
    return download(source.repository, revision=source.revision, variant=variant, cache_dir=cache, **options)


def _translate(error: Exception, source: HubSource) -> WorkerError:
    """Return the underlying error: diffusers wraps the hub's errors in its own."""
    name = f"{source.repository}{f'/{source.file}' if source.file else ''} (revision {source.revision})"
    for cause in _causes(error):
        for kind, reason in _HUB_ERRORS:
            if isinstance(cause, kind):
                return DownloadRefused(f"{name}: {reason}")
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return HubUnavailable(f"{name} could not be downloaded and is not completely in the hub's cache: {reason}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
