"""Whose request is it, and what may they do? `Access` finds out; routes ask here."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from renderq.contract import ProblemKind
from renderq_api.http.problems import ApiProblem
from renderq_shared.access import DEFAULT_TENANT, KeyRecord, Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    tenant: str
    role: Role
    key: KeyRecord | None = None
    """`None` while the service has no keys."""
    via_token: bool = False
    """Came with the token in a job's events address, which is good for that alone."""


KEYLESS = Caller(DEFAULT_TENANT, Role.ADMIN)
"""Everybody, on a service without keys."""


async def _caller(request: Request) -> Caller:
    return request.state.caller


async def _tenant(request: Request) -> str:
    return request.state.caller.tenant


async def admin_only(request: Request) -> None:
    """Dependency of routes that look after the service."""
    caller: Caller = request.state.caller
    if caller.role is not Role.ADMIN:
        raise ApiProblem(ProblemKind.FORBIDDEN, "This needs a key with the role admin; yours has not.")


CallerDep = Annotated[Caller, Depends(_caller)]
"""Parameter of a route that needs to know more than the tenant."""

TenantDep = Annotated[str, Depends(_tenant)]
"""Parameter of a route that touches jobs. Every call of the job store takes it."""
