"""The application, assembled."""

import contextlib
from collections.abc import AsyncGenerator

from fastapi import FastAPI

from renderq_api.http import error_handlers
from renderq_api.middleware.authentication import AuthenticationMiddleware
from renderq_api.middleware.request_context import RequestContextMiddleware
from renderq_api.openapi import document
from renderq_api.routes import ROUTERS
from renderq_api.services import open_services
from renderq_shared.catalog import load_catalog
from renderq_shared.objects import open_store
from renderq_shared.settings.models import ApiSettings


def create_app(settings: ApiSettings) -> FastAPI:
    """An app that opens its connections when it starts and closes them when it ends.

    Raises `CatalogInvalid`; its start raises `StoreUnsuitable` and `ObjectStoreUnsuitable`.
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
        # The pages that the framework offers load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in ROUTERS:
        app.include_router(router)
    error_handlers.install(app)
    document.install(app)
    app.add_middleware(AuthenticationMiddleware)
    app.add_middleware(RequestContextMiddleware)
    return app
