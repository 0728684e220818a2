"""Counts and times of requests."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from renderq_api.services import Services


class MetricsMiddleware:
    """ASGI middleware that measures every request. Outside all that may answer one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        is_answered = False

        def record(status: int) -> None:
            services: Services = scope["app"].state.services
            http, route = services.metrics.http, scope.get("route")
            http.record(getattr(route, "path", None), scope["method"], status, time.perf_counter() - started)
            if (kind := scope["state"].get("problem")) is not None:
                http.record_problem(kind)

        async def send_measured(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                record(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_measured)
        finally:
            if not is_answered:
                record(500)
