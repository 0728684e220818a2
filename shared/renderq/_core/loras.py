"""LoRAs of a request in the forms that the SDK and the command line take."""

from collections.abc import Iterable, Mapping
from typing import cast

from renderq.errors import InvalidArgument

_FORMS = 'a list of "NAME", "NAME:WEIGHT" or dictionaries with a name, or a dictionary of names and weights'


def lora_fields(loras: object) -> list[object]:
    """Return the LoRAs as a list of what the request has; the service validates them. Raises `InvalidArgument`."""
    if isinstance(loras, str):
        return [_parse(loras)]
    if isinstance(loras, Mapping):
        return [{"name": name, "weight": weight} for name, weight in cast(Mapping[object, object], loras).items()]
    if not isinstance(loras, Iterable) or isinstance(loras, bytes | bytearray):
        raise InvalidArgument(f"loras takes {_FORMS}, not {type(loras).__name__}")
    return [_parse(each) if isinstance(each, str) else each for each in cast(Iterable[object], loras)]


def parse_lora(text: str) -> dict[str, object]:
    """Read `NAME`, `NAME:WEIGHT` or `NAME:WEIGHT:TEXT_ENCODER_WEIGHT`. Raises `ValueError`."""
    name, *weights = text.split(":")
    if not name or len(weights) > 2:
        raise ValueError(f"{text!r} is not NAME, NAME:WEIGHT or NAME:WEIGHT:TEXT_ENCODER_WEIGHT, such as ink:0.8")
    try:
        numbers = [float(weight) for weight in weights]
    except ValueError:
        raise ValueError(f"{text!r}: a weight is a number, such as 0.8") from None
    return {"name": name, **dict(zip(("weight", "text_encoder_weight"), numbers, strict=False))}


def _parse(text: str) -> dict[str, object]:
    try:
        return parse_lora(text)
    except ValueError as error:
        raise InvalidArgument(f"loras: {error}") from None
