"""Refusals of the fake service."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from renderq.contract import FieldError, ProblemKind
from renderq.testing.http_server import FakeResponse
from renderq.testing.responses import problem

ModelT = TypeVar("ModelT", bound=BaseModel)


class Refusal(Exception):
    """Carries the problem document that responds to a request."""

    def __init__(self, response: FakeResponse) -> None:
        super().__init__(response.body)
        self.response = response


def validated(model: type[ModelT], body: object) -> ModelT:
    """Validate a body. Raises `Refusal`."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise Refusal(problem(ProblemKind.INVALID_REQUEST, str(error))) from error


def field_refusal(kind: ProblemKind, field: str, detail: str) -> Refusal:
    """Return the refusal of one field."""
    return Refusal(problem(kind, detail, errors=[FieldError(pointer=f"/{field}", code=kind, detail=detail)]))


def field_errors(error: ValidationError) -> list[FieldError]:
    """Return pydantic's errors as those of a problem document."""
    return [_field_error(each) for each in error.errors()]


def _field_error(error: Any) -> FieldError:
    pointer = "".join(f"/{part}" for part in error["loc"])
    return FieldError(pointer=pointer, code=error["type"], detail=error["msg"])
