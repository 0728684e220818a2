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

    def has(self, path: str) -> bool:
        """Return whether a route of the door has this path."""
        return any(isinstance(route, APIRoute) and route.path_regex.match(path) for route in self.router.routes)
