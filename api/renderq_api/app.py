"""The FastAPI application: routes, error handlers, OpenAPI document, middleware."""

import contextlib
from collections.abc import AsyncGenerator

from fastapi import FastAPI

from renderq_api.http.error_handlers import install_error_handlers
from renderq_api.middleware.authentication import AuthenticationMiddleware
from renderq_api.middleware.request_context import RequestContextMiddleware
from renderq_api.openapi.document import install_document, operation_id
from renderq_api.routes import ROUTERS
from renderq_api.services import open_services
from renderq_shared.catalog import load_catalog
from renderq_shared.objects import open_store
from renderq_shared.settings import ApiSettings


def create_app(settings: ApiSettings) -> FastAPI:
    """Return an app whose lifespan opens and closes its connections.

    Raises `CatalogInvalid`. The lifespan raises `StoreUnsuitable` and `ObjectStoreUnsuitable`.
    """
    catalog = load_catalog(settings.models)
    objects = open_store(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with open_services(settings, catalog, objects) as services:
            app.state.services = services
            yield

    app = FastAPI(
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        # FastAPI's documentation pages load their scripts from a CDN.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in ROUTERS:
        app.include_router(router)
    install_error_handlers(app)
    install_document(app)
    app.add_middleware(AuthenticationMiddleware)
    app.add_middleware(RequestContextMiddleware)
    return app
