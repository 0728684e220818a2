"""The API of AUTOMATIC1111's web UI (https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API)."""

from renderq_api.doors.a1111 import image_routes, list_routes, png_info_routes, service_routes, upscale_routes
from renderq_api.doors.a1111.errors import problem_response
from renderq_api.doors.a1111.router import router
from renderq_api.doors.door import Door

ROUTE_MODULES = (image_routes, upscale_routes, png_info_routes, service_routes, list_routes)
"""Modules whose routes importing them has added to the router."""

A1111 = Door(router, problem_response)

__all__ = ["A1111"]
