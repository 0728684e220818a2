"""Whose request is it? Until there are keys, everybody's."""

from typing import Annotated

from fastapi import Depends

DEFAULT_TENANT = "default"


async def _tenant() -> str:
    return DEFAULT_TENANT


Tenant = Annotated[str, Depends(_tenant)]
"""Parameter of a route that touches jobs. Every call of the job store takes it."""
