"""Moves of queued jobs."""

from typing import Literal, Self

from pydantic import Field, model_validator

from renderq.contract.base import RequestModel


class MoveJob(RequestModel, frozen=True):
    """Body of `POST /v1/jobs/{id}/move`: either `to` or `before`."""

    to: Literal["front", "back"] | None = Field(None, description="The first or last place of your jobs of the model.")
    before: str | None = Field(None, description="Id of the queued job of yours, of the same model, to move before.")

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        if (self.to is None) == (self.before is None):
            raise ValueError("send either to or before")
        return self
