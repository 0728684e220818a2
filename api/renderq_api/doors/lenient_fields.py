"""Fields whose numbers may be strings, as clients of some services send them. `true` and `false` are no numbers."""

from typing import get_args

from pydantic import BaseModel, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError


class LenientFields(BaseModel, frozen=True):
    """Base of the fields of a request."""

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_booleans(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, bool):
            return value
        annotation = cls.model_fields[str(info.field_name)].annotation
        kinds = {annotation, *get_args(annotation)}
        kinds |= {type(kind) for kind in kinds}  # those of a `Literal`
        if bool not in kinds and kinds & {int, float}:
            raise PydanticKnownError("int_type" if int in kinds else "float_type")
        return value
