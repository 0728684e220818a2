"""A fake renderq service for your own tests: no Redis, no worker, no model.

from renderq import Client
from renderq.testing import FakeService

with FakeService() as service, Client(service.url) as client:
    job = client.submit("a cat")
    job.wait()
    job.images[0].save("cat.png")
"""

from renderq.testing.fake_job import JobScript
from renderq.testing.http_server import DROPPED, FakeResponse, ReceivedRequest
from renderq.testing.responses import problem
from renderq.testing.service import FakeService
from renderq.testing.signed_webhooks import WEBHOOK_SECRET, signed_webhook

__all__ = [
    "DROPPED",
    "WEBHOOK_SECRET",
    "FakeResponse",
    "FakeService",
    "JobScript",
    "ReceivedRequest",
    "problem",
    "signed_webhook",
]
