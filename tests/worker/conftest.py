from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.worker.worker_harness import WorkerHarness

NewHarness = Callable[..., WorkerHarness]


@pytest.fixture
def new_harness(redis_url: str, tmp_path: Path) -> Iterator[NewHarness]:
    """Start workers on a common store; they are stopped after the test."""
    with ExitStack() as stack:

        def new(**options: Any) -> WorkerHarness:
            return stack.enter_context(WorkerHarness(**{"redis_url": redis_url, "folder": tmp_path, **options}))

        yield new


@pytest.fixture
def harness(new_harness: NewHarness) -> WorkerHarness:
    """A worker whose steps take no time."""
    return new_harness()
