"""How many bytes of pictures are on their way in, and no more than there is memory for."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from renderq.contract import ProblemKind
from renderq_api.http.problems import ApiProblem

_BYTES = 256 << 20
"""Eight of the largest files."""


class UploadBudget:
    """Of one process."""

    def __init__(self) -> None:
        self.reserved_bytes = 0
        """Bytes."""

    @contextmanager
    def reserve(self) -> Generator[Callable[[int], None]]:
        """Gives a function to be told of more bytes, which are held until the block ends. It raises `ApiProblem`."""
        mine = 0

        def hold(more: int) -> None:
            nonlocal mine
            mine, self.reserved_bytes = mine + more, self.reserved_bytes + more
            if self.reserved_bytes > _BYTES:
                raise ApiProblem(ProblemKind.SERVICE_UNAVAILABLE, "Too many pictures are coming in; try again.")

        try:
            yield hold
        finally:
            self.reserved_bytes -= mine
