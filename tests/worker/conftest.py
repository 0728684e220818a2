from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.worker.rig import Rig

NewRig = Callable[..., Rig]


@pytest.fixture
def new_rig(redis_url: str, tmp_path: Path) -> Iterator[NewRig]:
    """Makes running workers, all on one store; they end with the test."""
    with ExitStack() as stack:

        def new(**options: Any) -> Rig:
            return stack.enter_context(Rig(**{"redis_url": redis_url, "folder": tmp_path, **options}))

        yield new


@pytest.fixture
def rig(new_rig: NewRig) -> Rig:
    """A worker that steps at once."""
    return new_rig()
