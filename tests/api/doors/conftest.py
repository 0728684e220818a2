"""A client of OpenAI's API and a worker that renders on demand."""

import base64
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import openai
import pytest

from renderq_shared.jobs import JobRecord
from tests.api.running_api import RunningApi
from tests.api.worker import IMAGE_BYTES, Worker
from tests.polling import wait_until

IMAGE_BASE64 = base64.b64encode(IMAGE_BYTES).decode()

Call = Callable[..., Future[Any]]


@pytest.fixture
def client(api: RunningApi) -> Iterator[openai.OpenAI]:
    """OpenAI's own client, which is told nothing but the address."""
    with openai.OpenAI(base_url=f"{api.url}/v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def call() -> Iterator[Call]:
    """Call a function in the background."""
    with ThreadPoolExecutor(4) as pool:
        yield pool.submit


def claim(worker: Worker) -> JobRecord:
    """Wait for the next job and claim it."""
    return wait_until(worker.claim_or_none, "a job")
