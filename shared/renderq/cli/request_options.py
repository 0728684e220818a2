"""Fields of a job request as command-line options, derived from the contract.

A new field of a request model is an option without an edit here. The tables below only name exceptions: headings,
placeholders, and fields that are objects.
"""

from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import rich_click as click
from pydantic.fields import FieldInfo

from renderq._core.loras import parse_lora
from renderq.cli.exit_codes import UsageError
from renderq.cli.parameter_types import KEY_VALUE, NUMBER, PROMPT, TEXT, check_text
from renderq.client import Client
from renderq.contract import TASKS, Extend, OutputOptions, WebhookOptions
from renderq.job_handle import JobHandle
from renderq.request_params import OutputParams, RequestParams

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
"""File name suffix → file format."""

_IMAGE_FIELDS = tuple(dict.fromkeys(field for model in TASKS.values() for field in model.image_fields))

_OF_ONE_IMAGE = ("mask", "extend", "depth_map", "noise_level")
"""Fields that imply a task with one input image."""

_PANELS = {
    **dict.fromkeys((*_IMAGE_FIELDS, "strength", "extend", "noise_level"), "Input image"),
    **dict.fromkeys(("priority", "deadline_seconds", "metadata"), "Queue"),
}
"""Field → heading in the help; `Image` for all others."""

_METAVARS = {
    **dict.fromkeys(_IMAGE_FIELDS, "IMAGE"),
    "model": "NAME",
    "negative_prompt": "TEXT",
    "width": "PIXELS",
    "height": "PIXELS",
    "guidance_scale": "SCALE",
    "guidance_rescale": "SHARE",
    "clip_skip": "LAYERS",
    "noise_level": "LEVEL",
    "deadline_seconds": "SECONDS",
    "watermark": "TEXT",
}

_HELP = {
    "task": "Task (default: inferred from the other options).",
    "model": "Model name, see `renderq models` (default: the service's).",
    "image": "The input image: a file, which is uploaded, `asset_…`, `job_…/2`, an https URL, or a data URL. Several "
    "are the images of `--task edit`, in order.",
}
"""Field → help that differs from the contract's."""


def add_options(format_default: str) -> Callable[[Decorated], Decorated]:
    """Add the prompt and one option per field, described as in the contract. The service validates ranges."""
    prompt_help = f"{_description(_fields()['prompt'])} Some tasks need none. `-` reads it from stdin, `@FILE` a file."
    decorators = [
        click.argument("prompt", required=False, type=PROMPT, help=prompt_help),
        *(_option(name, field) for name, field in _fields().items() if name in _SIMPLE_FIELDS),
        _lora_option(),
        _extend_option(),
        _metadata_option(),
        *_output_options(format_default),
        *_webhook_options(),
    ]

    def decorate(function: Decorated) -> Decorated:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def request_fields(options: Mapping[str, Any], image_format: str | None) -> RequestParams:
    """Return the request fields of the options that were given. Raises `UsageError`."""
    given: dict[str, Any] = {name: value for name, value in options.items() if value not in (None, ())}
    given |= _images(given.pop("image", ()), given)
    given["format"] = image_format
    given["metadata"] = dict(given.get("metadata", ()))
    given["loras"] = list(given["loras"]) if "loras" in given else None
    given["extend"] = dict(given["extend"]) if "extend" in given else None
    given["output"] = {name: given[name] for name in OutputParams.__annotations__ if given.get(name) is not None}
    if "webhook_event" in given and "webhook" not in given:
        raise UsageError("--webhook-event needs --webhook URL")
    if "webhook" in given:
        events = {"events": list(given["webhook_event"])} if "webhook_event" in given else {}
        given["webhook"] = {"url": given["webhook"], **events}
    return RequestParams(**{name: given[name] for name in RequestParams.__annotations__ if given.get(name) is not None})


def _images(sources: Sequence[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input images as fields of the task that is given or implied. Raises `UsageError`."""
    implied = next((_flag(name) for name in _OF_ONE_IMAGE if name in given), None)
    task = given.get("task") or implied or ("edit" if len(sources) > 1 else None)
    if task == "edit":
        return {"images": list(sources)} if sources else {}
    if len(sources) > 1:
        raise UsageError(f"{task} takes one --image; several go with --task edit")
    return {"image": sources[0]} if sources else {}


def submit(client: Client, prompt: str | None, fields: RequestParams, timeout: float | None = None) -> JobHandle:
    """Submit a job, through outages of `timeout` seconds. Raises `UsageError` for an unreadable input image."""
    try:
        return client.submit(prompt, timeout=timeout, **fields)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted while submitting; `renderq jobs` shows whether there is a job") from None


def _fields() -> dict[str, FieldInfo]:
    """Return all fields of all tasks; the first task that has one describes it."""
    fields: dict[str, FieldInfo] = {}
    for model in TASKS.values():
        fields |= {name: field for name, field in model.model_fields.items() if name not in fields}
    return fields


_SIMPLE_FIELDS = _fields().keys() - {"prompt", "images", "extend", "loras", "metadata", "output", "webhook"}


def _option(name: str, field: FieldInfo) -> Callable[[Decorated], Decorated]:
    """Return the option of a field that is one value."""
    kind = _click_type(TASKS if name == "task" else field.annotation)
    choices = f" One of: {', '.join(kind.choices)}." if isinstance(kind, click.Choice) and len(kind.choices) > 5 else ""
    return click.option(
        f"-{name}" if len(name) == 1 else _flag(name),
        name,
        type=kind,
        multiple=name == "image",
        metavar=_METAVARS.get(name, "NAME" if choices else None),
        help=_HELP.get(name, _description(field)) + choices,
        panel=_PANELS.get(name, "Image"),
    )


def _lora_option() -> Callable[[Decorated], Decorated]:
    return click.option(
        "--lora",
        "loras",
        multiple=True,
        type=parse_lora,
        metavar="NAME[:WEIGHT]",
        help="LoRA of the model, see `renderq models`, with a weight from -4 to 4 (default: its own); repeatable.",
        panel="Image",
    )


def _extend_option() -> Callable[[Decorated], Decorated]:
    return click.option(
        "--extend",
        multiple=True,
        type=_side_pixels,
        metavar="SIDE=PIXELS",
        help=_description(_fields()["extend"]),
        panel=_PANELS["extend"],
    )


def _metadata_option() -> Callable[[Decorated], Decorated]:
    return click.option(
        "--metadata",
        multiple=True,
        type=KEY_VALUE,
        metavar="KEY=VALUE",
        help=_description(_fields()["metadata"]),
        panel=_PANELS["metadata"],
    )


def _output_options(format_default: str) -> list[Callable[[Any], Any]]:
    """Return the options of `output`, except `grid`, which each command has in its own way."""
    fields = {name: field for name, field in OutputOptions.model_fields.items() if name not in {"format", "grid"}}
    formats = click.Choice(sorted(set(FORMATS.values())))
    return [
        click.option("--format", type=formats, help=f"Default: {format_default}.", panel="File"),
        *(
            click.option(
                f"{_flag(name)}/--no{_flag(name)[1:]}" if field.annotation is bool else _flag(name),
                default=None,
                type=_click_type(field.annotation),
                metavar=_METAVARS.get(name),
                help=_description(field),
                panel="File",
            )
            for name, field in fields.items()
        ),
    ]


def _webhook_options() -> list[Callable[[Any], Any]]:
    fields = WebhookOptions.model_fields
    (events, _) = get_args(fields["events"].annotation)
    return [
        click.option("--webhook", type=TEXT, metavar="URL", help=_description(fields["url"]), panel="Webhook"),
        click.option(
            "--webhook-event",
            multiple=True,
            type=_click_type(events),
            metavar="EVENT",
            help=f"{_description(fields['events'])} One of: {', '.join(get_args(events))}.",
            panel="Webhook",
        ),
    ]


def _click_type(annotation: Any) -> click.ParamType:
    """Return the type of an option for a field's annotation."""
    if annotation is TASKS:
        return click.Choice(tuple(TASKS))
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return click.Choice(arguments)
    if origin is Annotated:
        return _click_type(arguments[0])
    if alternatives := [argument for argument in arguments if argument is not NoneType]:
        return _click_type(alternatives[0])
    return {int: click.INT, float: NUMBER, bool: click.BOOL}.get(annotation, TEXT)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _description(field: FieldInfo) -> str:
    return field.description or ""


def _side_pixels(text: str) -> tuple[str, int]:
    side, _, pixels = check_text(text).partition("=")
    if side not in Extend.model_fields or not (pixels.isascii() and pixels.isdecimal()):
        sides = ", ".join(Extend.model_fields)
        raise ValueError(f"{text!r} is not SIDE=PIXELS, such as left=64; SIDE is one of {sides}")
    return side, int(pixels)
