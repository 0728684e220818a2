"""Receive webhooks on a port: `WEBHOOK_SECRET=whsec_… python webhook_receiver.py 9000`.

Submit jobs with `webhook={"url": "https://…"}`; the secret is one of the service's RENDERQ_WEBHOOK_SECRETS.
"""

import os
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

from renderq import WebhookEvent, WebhookInvalid, webhooks


class WebhookReceiver(HTTPServer):
    """Calls `handle_event` once per event."""

    def __init__(self, port: int, secret: str) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.secret = secret
        self.seen: set[str] = set()
        """Ids of events that were handled. Keep them in a database: events are repeated after a restart, too."""

    def handle_event(self, event: WebhookEvent) -> None:
        print(event.type, event.data.id, *(output.url for output in event.data.outputs), flush=True)


class _Handler(BaseHTTPRequestHandler):
    server: WebhookReceiver  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            event = webhooks.verify(dict(self.headers.items()), body, self.server.secret)
        except WebhookInvalid as error:
            self.send_error(HTTPStatus.BAD_REQUEST, str(error))
            return
        webhook_id = self.headers["webhook-id"]
        if webhook_id not in self.server.seen:
            self.server.handle_event(event)
            self.server.seen.add(webhook_id)
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()


if __name__ == "__main__":
    with WebhookReceiver(int(sys.argv[1]), os.environ["WEBHOOK_SECRET"]) as receiver:
        print(f"listening on port {receiver.server_port}", flush=True)
        receiver.serve_forever()
