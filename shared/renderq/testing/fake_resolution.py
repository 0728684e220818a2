"""Checks and defaults of requests to a fake service."""

from collections.abc import Callable, Sequence

from pydantic import ValidationError

from renderq.contract import (
    LIMITS,
    EditRequest,
    JobRequest,
    LoraOptions,
    Model,
    ProblemKind,
    ResolvedRequest,
    image_references,
    parse_request,
    parse_resolved_request,
)
from renderq.testing.fake_job import output_size, rendered_size
from renderq.testing.refusals import Refusal, field_errors, field_refusal
from renderq.testing.responses import problem

DEFAULT_SEED = 42
"""Seed of requests without one, so that tests are repeatable."""


def resolve(body: object, models: Sequence[Model], has_image: Callable[[str], bool]) -> ResolvedRequest:
    """Check a request, and fill in all defaults. Raises `Refusal`.

    `has_image`: whether the service has the image of a reference.
    """
    return _resolve(_parse(body, has_image), models)


def _parse(body: object, has_image: Callable[[str], bool]) -> JobRequest:
    try:
        request = parse_request(body)  # pyright: ignore[reportArgumentType] — any JSON value may arrive
    except ValidationError as error:
        raise Refusal(problem(ProblemKind.INVALID_REQUEST, errors=field_errors(error))) from None
    for field, reference in image_references(request).items():
        if not has_image(reference):
            raise field_refusal(ProblemKind.ASSET_NOT_FOUND, field, f"there is no image {reference}")
    return request


def _resolve(request: JobRequest, models: Sequence[Model]) -> ResolvedRequest:
    model = _model_of(request, models)
    defaults = {**model.defaults.model_dump(), "model": model.name, "seed": DEFAULT_SEED}
    fields = {name: defaults.get(name) if value is None else value for name, value in request}
    fields["loras"] = tuple(_lora(each, index, model) for index, each in enumerate(request.loras))
    if isinstance(request, EditRequest) and len(request.images) > model.limits.max_images:
        detail = f"May have at most {model.limits.max_images} with the model {model.name}, not {len(request.images)}."
        raise field_refusal(ProblemKind.INVALID_REQUEST, "images", detail)
    resolved = parse_resolved_request({**fields, **dict(request.resolve_sampling(model.defaults))})
    if max(rendered_size(resolved)) > model.limits.max_side:
        detail = f"May be at most {model.limits.max_side}, not {max(rendered_size(resolved))}."
        raise field_refusal(ProblemKind.TOO_MANY_PIXELS, "width", detail)
    width, height = output_size(resolved)
    if resolved.output.resize > 1 and width * height > LIMITS.resized_pixels:
        detail = f"Resized images may have at most {LIMITS.resized_pixels:,} pixels, not {width * height:,}."
        raise field_refusal(ProblemKind.TOO_MANY_PIXELS, "output/resize", detail)
    return resolved


def _lora(requested: LoraOptions, index: int, model: Model) -> LoraOptions:
    """Return a LoRA with its weights. Raises `Refusal` for one that the model does not have."""
    for lora in model.loras:
        if lora.name == requested.name:
            weight = lora.weight if requested.weight is None else requested.weight
            text = weight if requested.text_encoder_weight is None else requested.text_encoder_weight
            return LoraOptions(name=lora.name, weight=weight, text_encoder_weight=text, revision=lora.revision or None)
    detail = f"the model {model.name} has no LoRA {requested.name}"
    raise field_refusal(ProblemKind.INVALID_REQUEST, f"loras/{index}/name", detail)


def _model_of(request: JobRequest, models: Sequence[Model]) -> Model:
    for model in models:
        if model.default if request.model is None else model.name == request.model:
            if request.task not in model.tasks:
                detail = f"{model.name} does not support {request.task}"
                raise field_refusal(ProblemKind.TASK_NOT_SUPPORTED, "task", detail)
            return model
    raise field_refusal(ProblemKind.MODEL_NOT_FOUND, "model", f"there is no model {request.model}")
