"""Fields of a request for images. Others are ignored.

Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, `modules/api/models.py` and `modules/processing.py`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from pydantic import ConfigDict, Field, JsonValue, field_validator, model_validator

from renderq.contract import LIMITS, FieldError
from renderq.contract.requests import Prompt
from renderq_api.doors.given_fields import given_fields
from renderq_api.doors.lenient_fields import LenientFields
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.http.validation import validate

Fields = TypeVar("Fields", bound="ImageFields")


class OverrideSettings(LenientFields, frozen=True):
    """Options for one request."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    sd_model_checkpoint: str | None = Field(
        None, max_length=300, description="Model; default: that of `POST /sdapi/v1/options`."
    )
    CLIP_stop_at_last_layers: int | None = Field(None, ge=1, le=LIMITS.clip_skip + 1, description="1: the last layer.")
    samples_format: Literal["png", "jpg", "jpeg", "webp"] = Field("png", description="File format of the images.")
    jpeg_quality: int | None = Field(None, ge=1, le=100, description="Quality of `jpg` and `webp`.")


class ImageFields(LenientFields, frozen=True):
    """Fields of both routes. Numbers may be strings."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    prompt: Prompt = Field("", description="Text that describes the image. `(text:1.3)` and `[text]` set weights.")
    negative_prompt: Prompt = Field("", description="Text that describes what to avoid.")
    width: int | None = Field(None, ge=1, le=LIMITS.side_pixels, description="Wished width; see the real one.")
    height: int | None = Field(None, ge=1, le=LIMITS.side_pixels)
    steps: int | None = Field(None, ge=1, le=LIMITS.steps)
    cfg_scale: float | None = Field(None, ge=0, le=LIMITS.guidance_scale, allow_inf_nan=False)
    seed: int = Field(-1, description="Image k uses seed + k; -1: drawn at random.")
    batch_size: int = Field(1, ge=1, le=LIMITS.images)
    n_iter: int = Field(1, ge=1, le=LIMITS.images, description="Multiplies `batch_size`.")
    sampler_name: str | None = Field(None, max_length=200, description="A name from `GET /sdapi/v1/samplers`.")
    sampler_index: str | None = Field(None, max_length=200, description="As `sampler_name`, which takes precedence.")
    scheduler: str | None = Field(None, max_length=200, description="A name from `GET /sdapi/v1/schedulers`.")
    override_settings: OverrideSettings = OverrideSettings.model_validate({})
    clip_skip: int = Field(0, ge=0, le=LIMITS.clip_skip + 1, description="As `CLIP_stop_at_last_layers`.")
    send_images: bool = Field(True, description="False: `images` of the response is empty.")
    force_task_id: str | None = Field(None, max_length=10_000, description="`task` of the job's metadata.")

    @field_validator("override_settings", mode="before")
    @classmethod
    def _without_omitted(cls, value: Any) -> Any:
        return given_fields(value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _check_images(self) -> "ImageFields":
        if self.images > LIMITS.images:
            raise ValueError(f"the product of batch_size and n_iter may be at most {LIMITS.images}, not {self.images}")
        return self

    @property
    def images(self) -> int:
        return self.batch_size * self.n_iter

    @property
    def sampler(self) -> str | None:
        return self.sampler_name or self.sampler_index


class Img2ImgFields(ImageFields, frozen=True):
    """Fields of a request that changes an image."""

    init_images: tuple[str, ...] = Field(
        min_length=1,
        max_length=1,
        description="The image: base64, with or without `data:image/…;base64,`, or an https URL.",
    )
    mask: str | None = Field(None, description="White is made anew; in the same forms.")
    denoising_strength: float = Field(0.75, ge=0, le=1, allow_inf_nan=False)
    mask_blur: float = Field(4, ge=0, le=256, allow_inf_nan=False, description="Radius in pixels.")
    inpainting_mask_invert: bool = Field(False, description="Black is made anew instead.")
    resize_mode: Literal[0, 1, 3] = Field(
        0, description="0 and 3: stretched to `width` and `height`; 1: its center cut to their proportion first."
    )


FIELDS_WITH_IMAGES = frozenset({"init_images", "mask", "alwayson_scripts"})
"""Fields with images, which responses do not repeat."""

_FALSY = (False, 0, [], {}, "none", "None")


def _is_off(value: JsonValue) -> bool:
    return value in _FALSY


def _is_off_or(neutral: float) -> Callable[[JsonValue], bool]:
    return lambda value: _is_off(value) or value == neutral


IGNORED: dict[str, Callable[[JsonValue], bool]] = {
    "restore_faces": _is_off,
    "eta": _is_off_or(1),
    "s_churn": _is_off,
    "s_tmin": _is_off,
    "s_tmax": _is_off,
    "s_noise": _is_off_or(1),
    "s_min_uncond": _is_off,
    "subseed": _is_off_or(-1),
    "styles": _is_off,
    "comments": _is_off,
    "token_merging_ratio": _is_off,
    "inpainting_fill": lambda value: value == 1,
    "initial_noise_multiplier": lambda value: value == 1,
}
"""Field that is ignored → whether its value says what happens anyway."""

_REFUSED: dict[str, tuple[Callable[[JsonValue], bool], str]] = {
    "enable_hr": (_is_off, "This service does not enlarge within a request; send enable_hr false."),
    "subseed_strength": (_is_off, "Variation seeds are not supported; send 0."),
    "seed_resize_from_w": (lambda value: not is_positive(value), "Seeds of another size are not supported; send -1."),
    "seed_resize_from_h": (lambda value: not is_positive(value), "Seeds of another size are not supported; send -1."),
    "tiling": (_is_off, "Tiling is not supported; send false."),
    "refiner_checkpoint": (_is_off, "Refiners are not supported; omit it."),
}
"""Field → whether its value asks for nothing, and why any other is refused."""


def is_positive(value: JsonValue) -> bool:
    return isinstance(value, int | float) and value > 0


def parse_fields(fields: type[Fields], sent: Mapping[str, JsonValue]) -> Fields:
    """Parse fields, in which null and the empty string mean that a field is omitted. Raises `ApiProblem`."""
    given = given_fields(sent)
    for name, (asks_for_nothing, detail) in _REFUSED.items():
        if name in given and not asks_for_nothing(given[name]):
            raise refused(name, detail)
    if name := given.get("script_name"):
        raise refused("script_name", f"Script '{str(name)[:60]}' not found.")
    _check_scripts(given.get("alwayson_scripts"))
    return validate(fields, given)


def ignored_fields(sent: Mapping[str, JsonValue]) -> list[str]:
    """Return the names of fields that ask for something and change nothing here."""
    given = given_fields(sent)
    return [name for name, is_neutral in IGNORED.items() if name in given and not is_neutral(given[name])]


def refused(name: str, detail: str) -> ApiProblem:
    """Return the problem of a field that asks for what renderq does not do."""
    return invalid(f"/{name}: {detail}", FieldError(pointer=f"/{name}", code="not_supported", detail=detail))


def _check_scripts(scripts: JsonValue) -> None:
    for name, script in scripts.items() if isinstance(scripts, dict) else ():
        args = script.get("args") if isinstance(script, dict) else script
        if not all(map(_is_off_script, args if isinstance(args, list) else [args])):
            raise refused("alwayson_scripts", f"always on script {name[:60]} not found.")


def _is_off_script(arg: JsonValue) -> bool:
    return arg in (None, False, "") or (isinstance(arg, dict) and arg.get("enabled") is False)
