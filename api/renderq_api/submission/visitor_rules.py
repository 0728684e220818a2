"""Rules for requests of visitors: at most the model's default sides and steps, few images, no input images."""

from collections.abc import Iterator

from renderq.contract import FieldError, VisitorLimits, image_references
from renderq_api.http.problems import invalid
from renderq_api.submission.capabilities import CheckedRequest
from renderq_api.visitors import RefusedWords


def check_visitor_request(checked: CheckedRequest, limits: VisitorLimits, refused: RefusedWords) -> None:
    """Raise `ApiProblem` that points at what a visitor may not ask for."""
    errors = [*_too_much(checked, limits), *_not_for_visitors(checked)]
    if refused.refuses(checked.request.prompt):
        # Naming the word would let visitors read the operator's list.
        detail = "The operator of this demo does not accept this prompt. Describe the image in other words."
        errors.append(FieldError(pointer="/prompt", code="prompt_refused", detail=detail))
    if errors:
        raise invalid(f"{errors[0].pointer}: {errors[0].detail}", *errors)


def _too_much(checked: CheckedRequest, limits: VisitorLimits) -> Iterator[FieldError]:
    request, defaults = checked.request, checked.model.defaults
    asked = {
        "n": (request.n, limits.images),
        "width": (request.width or 0, defaults.width),
        "height": (request.height or 0, defaults.height),
        "steps": (checked.sampling.steps, defaults.steps),
        "output/resize": (request.output.resize, 1),
    }
    for field, (value, most) in asked.items():
        if value > most:
            detail = f"May be at most {most} for visitors of this demo, not {value}."
            yield FieldError(pointer=f"/{field}", code="too_large", detail=detail)


def _not_for_visitors(checked: CheckedRequest) -> Iterator[FieldError]:
    request = checked.request
    fields = [*image_references(request), *(["priority"] if request.priority else [])]
    if request.webhook:
        fields.append("webhook")
    for field in fields:
        detail = "Visitors of this demo cannot use this field; omit it, or use a key of the operator."
        yield FieldError(pointer=f"/{field}", code="not_for_visitors", detail=detail)
