"""Fields of a job request as command-line options."""

import argparse
from typing import Any

from pydantic import BaseModel

from renderq.cli.exit_codes import UsageError
from renderq.client import Client
from renderq.contract import (
    SCHEDULERS,
    TASKS,
    Depth2ImgRequest,
    Extend,
    InpaintRequest,
    OutpaintRequest,
    OutputOptions,
    Txt2ImgRequest,
    UpscaleRequest,
)
from renderq.job_handle import JobHandle
from renderq.request_params import OutputParams, RequestParams

FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
"""File name suffix → file format."""


def add_arguments(parser: argparse.ArgumentParser, format_default: str) -> None:
    """Add the prompt and one option per field, described as in the contract. The service validates ranges."""
    parser.add_argument("prompt", nargs="?", help=f"{_help(Txt2ImgRequest, 'prompt')} Some tasks need none.")
    image = parser.add_argument_group("image")
    image.add_argument("--task", choices=tuple(TASKS), help="Task (default: inferred from the other options).")
    image.add_argument("--model", help="Model name, see `renderq models` (default: the service's).")
    _add(image, "--negative-prompt", metavar="TEXT")
    _add(image, "--width", type=int, metavar="PIXELS")
    _add(image, "--height", type=int, metavar="PIXELS")
    _add(image, "--steps", type=int)
    _add(image, "--guidance-scale", type=float, metavar="SCALE")
    _add(image, "--guidance-rescale", type=float, metavar="SHARE")
    _add(image, "--clip-skip", type=int, metavar="LAYERS")
    scheduler_help = f"{_help(Txt2ImgRequest, 'scheduler')} One of: {', '.join(SCHEDULERS)}."
    image.add_argument("--scheduler", choices=SCHEDULERS, metavar="NAME", help=scheduler_help)
    _add(image, "--seed", type=int)
    _add(image, "-n", type=int)
    source = parser.add_argument_group("input image", "IMAGE is a file, which is uploaded, or what --image lists.")
    _add(source, "--image", model=InpaintRequest, metavar="IMAGE")
    _add(source, "--mask", model=InpaintRequest, metavar="IMAGE")
    _add(source, "--depth-map", model=Depth2ImgRequest, metavar="IMAGE")
    _add(source, "--strength", model=InpaintRequest, type=float)
    _add(source, "--extend", model=OutpaintRequest, type=_side_pixels, action="append", metavar="SIDE=PIXELS")
    _add(source, "--noise-level", model=UpscaleRequest, type=int, metavar="LEVEL")
    output = parser.add_argument_group("file")
    output.add_argument("--format", choices=sorted(set(FORMATS.values())), help=f"Default: {format_default}.")
    output.add_argument("--quality", type=int, help=_help(OutputOptions, "quality"))
    output.add_argument(
        "--embed-recipe", action=argparse.BooleanOptionalAction, help=_help(OutputOptions, "embed_recipe")
    )
    output.add_argument("--watermark", metavar="TEXT", help=_help(OutputOptions, "watermark"))
    queue = parser.add_argument_group("queue")
    _add(queue, "--priority", type=int)
    _add(queue, "--deadline-seconds", type=float, metavar="SECONDS")
    _add(queue, "--metadata", type=_key_value, action="append", metavar="KEY=VALUE")


def request_fields(args: argparse.Namespace, image_format: str | None) -> RequestParams:
    """Return the request fields of the options that were given."""
    given: dict[str, Any] = {name: value for name, value in vars(args).items() if value is not None}
    given["format"] = image_format
    given["metadata"] = dict(given.get("metadata", ()))
    given["extend"] = dict(given["extend"]) if "extend" in given else None
    given["output"] = {name: given[name] for name in OutputParams.__annotations__ if given.get(name) is not None}
    return RequestParams(**{name: given[name] for name in RequestParams.__annotations__ if given.get(name) is not None})


def submit(client: Client, prompt: str | None, fields: RequestParams) -> JobHandle:
    """Submit a job. Raises `UsageError` for an input image that cannot be read."""
    try:
        return client.submit(prompt, **fields)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error


def _add(
    group: argparse._ArgumentGroup,  # pyright: ignore[reportPrivateUsage]
    flag: str,
    model: type[BaseModel] = Txt2ImgRequest,
    **options: object,
) -> None:
    name = flag.lstrip("-").replace("-", "_")
    group.add_argument(flag, help=_help(model, name), **options)  # pyright: ignore[reportArgumentType]


def _help(model: type[BaseModel], name: str) -> str:
    return (model.model_fields[name].description or "").replace("%", "%%")


def _key_value(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def _side_pixels(text: str) -> tuple[str, int]:
    side, _, pixels = text.partition("=")
    if side not in Extend.model_fields or not pixels.isdecimal():
        sides = ", ".join(Extend.model_fields)
        raise argparse.ArgumentTypeError(f"{text!r} is not SIDE=PIXELS, such as left=64; SIDE is one of {sides}")
    return side, int(pixels)
