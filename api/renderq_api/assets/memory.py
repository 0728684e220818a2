"""How many bytes of pictures are on their way in, and no more than there is memory for."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from renderq.contract import ProblemKind
from renderq_api.problems import ApiProblem

_BYTES = 256 << 20
"""Eight of the largest files."""


class Memory:
    """Of one process."""

    def __init__(self) -> None:
        self.held = 0
        """Bytes."""

    @contextmanager
    def holding(self) -> Generator[Callable[[int], None]]:
        """Gives a function to be told of more bytes, which are held until the block ends. It raises `ApiProblem`."""
        mine = 0

        def hold(more: int) -> None:
            nonlocal mine
            mine, self.held = mine + more, self.held + more
            if self.held > _BYTES:
                raise ApiProblem(ProblemKind.SERVICE_UNAVAILABLE, "Too many pictures are coming in; try again.")

        try:
            yield hold
        finally:
            self.held -= mine
