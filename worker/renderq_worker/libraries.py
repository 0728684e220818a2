"""Check that torch, transformers and diffusers can be imported together."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from renderq_worker.errors import LibrariesUnfit

_OPTIONAL = ("torchvision", "torchaudio", "torchao", "xformers", "bitsandbytes", "flash_attn")
"""Libraries that transformers and diffusers import if they are installed, and that must fit the build of torch."""


def check_libraries() -> None:
    """Import what every model needs. Raises `LibrariesUnfit`, which names the library at fault.

    The usual one is torchvision from the package index, built for CUDA, beside a CPU build of torch.
    """
    try:
        from transformers.utils import logging

        logging.set_verbosity_error()  # else it warns about missing optional libraries
        from diffusers import StableDiffusionPipeline  # noqa: F401  # pyright: ignore[reportUnusedImport]
        from transformers import CLIPTextModel  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except Exception as error:
        raise LibrariesUnfit(_cause(error)) from error


def _cause(error: Exception) -> str:
    for name in _OPTIONAL:
        reason = _import_error(name)
        if reason is not None:
            return (
                f"no model can be loaded: {name} {_version(name)} does not fit torch {_version('torch')} ({reason}); "
                f"uninstall {name}, which renderq does not need, or install its build for this torch"
            )
    return f"no model can be loaded: {_last_line(error)}; install renderq's dependencies again"


def _import_error(name: str) -> str | None:
    """Return why an installed library cannot be imported; None if it can, or is not installed."""
    try:
        if find_spec(name) is not None:
            __import__(name)
    except Exception as error:
        return _last_line(error)
    return None


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "of unknown version"


def _last_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
