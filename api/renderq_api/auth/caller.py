"""Caller of a request: tenant, role, key. `AuthenticationMiddleware` sets it; routes read it here."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from renderq.contract import ProblemKind
from renderq_api.http.problems import ApiProblem
from renderq_shared.access import DEFAULT_TENANT, KeyRecord, Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Authenticated sender of a request."""

    tenant: str
    role: Role
    key: KeyRecord | None = None
    """`None` on a service without keys."""
    via_token: bool = False
    """True if the caller used an event token, which is valid only for the events of one job."""

    @property
    def is_visitor(self) -> bool:
        return self.role is Role.VISITOR


KEYLESS = Caller(DEFAULT_TENANT, Role.ADMIN)
"""Caller of every request on a service without keys."""


async def _caller(request: Request) -> Caller:
    return request.state.caller


async def _tenant(request: Request) -> str:
    return request.state.caller.tenant


async def admin_only(request: Request) -> None:
    """Dependency of admin routes. Raises `ApiProblem`."""
    caller: Caller = request.state.caller
    if caller.role is not Role.ADMIN:
        raise ApiProblem(ProblemKind.FORBIDDEN, "This route needs an API key with the role admin.")


async def no_visitors(request: Request) -> None:
    """Dependency of routes that visitors of an open demo cannot use. Raises `ApiProblem`."""
    caller: Caller = request.state.caller
    if caller.is_visitor:
        detail = "Visitors of this demo can submit single jobs and see them. More needs a key of the operator."
        raise ApiProblem(ProblemKind.FORBIDDEN, detail)


CallerDep = Annotated[Caller, Depends(_caller)]
"""Route parameter: the caller."""

TenantDep = Annotated[str, Depends(_tenant)]
"""Route parameter: the caller's tenant, an argument of every job store call about jobs."""
