"""Memory limit for image files in flight."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from renderq.contract import ProblemKind
from renderq_api.http.problems import ApiProblem

_BYTES = 256 << 20
"""Eight files of the maximum size."""


class UploadBudget:
    """Bytes of image files in flight, per process."""

    def __init__(self) -> None:
        self.reserved_bytes = 0

    @contextmanager
    def reserve(self) -> Generator[Callable[[int], None]]:
        """Yield a function that reserves more bytes until the block ends. It raises `ApiProblem`."""
        own_bytes = 0

        def reserve_more(count: int) -> None:
            nonlocal own_bytes
            own_bytes, self.reserved_bytes = own_bytes + count, self.reserved_bytes + count
            if self.reserved_bytes > _BYTES:
                detail = "The service is receiving too many images at once. Try again."
                raise ApiProblem(ProblemKind.SERVICE_UNAVAILABLE, detail)

        try:
            yield reserve_more
        finally:
            self.reserved_bytes -= own_bytes
