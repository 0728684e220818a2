"""Tests of `greeting_cards` without Redis, a worker or a model: `pytest ci`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from greeting_cards import TryLater, make_card

from renderq import Client, JobErrorCode
from renderq.testing import FakeService, JobScript


@pytest.fixture
def service() -> Iterator[FakeService]:
    with FakeService() as service:
        yield service


@pytest.fixture
def client(service: FakeService) -> Iterator[Client]:
    with Client(service.url, max_retries=0) as client:
        yield client


def test_a_card_is_saved_under_the_name(service: FakeService, client: Client, tmp_path: Path) -> None:
    assert make_card(client, "Ada", tmp_path) == tmp_path / "Ada.png"
    assert (tmp_path / "Ada.png").read_bytes().startswith(b"\x89PNG")
    assert service.jobs[0].request["prompt"] == "a birthday card for Ada"


def test_a_failed_job_is_no_card(service: FakeService, client: Client, tmp_path: Path) -> None:
    service.script(JobScript(error=JobErrorCode.OUT_OF_MEMORY))
    assert make_card(client, "Ada", tmp_path) is None


def test_a_full_queue_means_later(service: FakeService, client: Client, tmp_path: Path) -> None:
    service.refuse("queue_full")
    with pytest.raises(TryLater):
        make_card(client, "Ada", tmp_path)
