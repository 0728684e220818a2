"""What an owner may change of a job: whether it is kept, and its labels."""

from typing import Annotated

from pydantic import Field, StringConstraints

from renderq.contract.base import RequestModel, at_most
from renderq.contract.limits import LIMITS

Label = Annotated[
    str, StringConstraints(min_length=1, max_length=LIMITS.label_characters, pattern=r"^[^\x00-\x1f\x7f]+$")
]


class JobAnnotation(RequestModel, frozen=True):
    """Body of `PATCH /v1/jobs/{id}`; a field that is absent or null stays as it is."""

    kept: bool | None = Field(None, description="True: retention never deletes the job and its images.")
    labels: Annotated[list[Label], at_most(LIMITS.labels)] | None = Field(
        None, description="Replaces all labels.", max_length=LIMITS.labels
    )
