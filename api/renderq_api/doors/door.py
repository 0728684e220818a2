"""A door: its routes, and the form of its errors."""

from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.routing import APIRoute

from renderq_api.http.problems import ProblemForm


@dataclass(frozen=True, slots=True)
class Door:
    """API of another service."""

    router: APIRouter
    problem_form: ProblemForm

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(route.path for route in self.router.routes if isinstance(route, APIRoute))
