"""The FastAPI application: routes, error handlers, OpenAPI document, middleware."""

import contextlib
from collections.abc import AsyncGenerator

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from renderq_api.doors import DOORS
from renderq_api.http.error_handlers import install_error_handlers
from renderq_api.http.public_address import path_prefix
from renderq_api.middleware.accept_encoding import AcceptEncodingMiddleware
from renderq_api.middleware.authentication import AuthenticationMiddleware
from renderq_api.middleware.metrics import MetricsMiddleware
from renderq_api.middleware.public_address import PublicAddressMiddleware
from renderq_api.middleware.request_context import RequestContextMiddleware
from renderq_api.openapi.document import install_document, operation_id
from renderq_api.page import Page
from renderq_api.responses.image_origins import ImageOrigins
from renderq_api.routes import ROUTERS
from renderq_api.services import open_services
from renderq_shared.catalog import load_catalog
from renderq_shared.objects import ObjectStore, open_store
from renderq_shared.settings import ApiSettings
from renderq_shared.tracing import NO_TRACING, Tracing

_GZIP_BYTES = 2_000
"""Smaller bodies fit into two packets anyway."""

_GZIP_LEVEL = 4


def create_app(settings: ApiSettings, tracing: Tracing = NO_TRACING) -> FastAPI:
    """Return an app whose lifespan opens and closes its connections.

    Raises `CatalogInvalid`. The lifespan raises `StoreUnsuitable` and `ObjectStoreUnsuitable`.
    """
    catalog = load_catalog(settings.models)
    objects = open_store(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with open_services(settings, catalog, objects, tracing) as services:
            app.state.services = services
            yield

    app = FastAPI(
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        # FastAPI's documentation pages load their scripts from a CDN.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # served by `install_document`
        redirect_slashes=False,
    )
    doors = [DOORS[name] for name in sorted(settings.open_doors)]
    for router in (*ROUTERS, *(door.router for door in doors)):
        app.include_router(router)
    app.state.problem_form = lambda path: next((door.problem_form for door in doors if door.has(path)), None)
    install_error_handlers(app)
    install_document(app)
    page = _page(settings, objects)
    if page is not None:
        app.router.routes[:0] = page.routes  # before all others: a visit asks for a hundred files
    # Leaves out images, event streams and parts of files by itself.
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_BYTES, compresslevel=_GZIP_LEVEL)
    app.add_middleware(AcceptEncodingMiddleware)
    app.add_middleware(AuthenticationMiddleware, is_page=page.has if page else lambda _: False)
    app.add_middleware(RequestContextMiddleware)
    app.add_middleware(MetricsMiddleware)
    app.add_middleware(
        PublicAddressMiddleware, public_url=settings.public_url, trusted_proxies=settings.trusted_networks
    )
    return app


def _page(settings: ApiSettings, objects: ObjectStore) -> Page | None:
    if settings.page == "off":
        return None
    return Page(
        path_prefix, ImageOrigins(settings, objects), visitors=settings.visitors == "on", live=settings.page == "dev"
    )
