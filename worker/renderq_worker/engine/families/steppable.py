"""A call that cannot be taken apart, taken step by step: it runs on a thread of its own and stops where it reports."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor


class _Closed(BaseException):
    """Ends the call where it stands; not an `Exception`, so that nothing on the way takes it for one."""


@dataclass(frozen=True, slots=True)
class TimestepsSet:
    """The prompt is encoded; so many steps will follow."""

    steps: int


@dataclass(frozen=True, slots=True)
class StepDone:
    """One step is done."""

    latents: Tensor


Report = TimestepsSet | StepDone
Call = Callable[[Callable[[Report], None]], Any]
"""Gets a function that it calls with every report."""


class SteppableCall:
    """Of the caller and the call only one runs at a time: whoever is not running waits for the other."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._caller_turn, self._call_turn = threading.Semaphore(0), threading.Semaphore(0)
        self._report: Report | None = None
        self._result: Any = None
        self._error: BaseException | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)
        self._thread.start()

    def next(self) -> Report | None:
        """Run until the next report; None when the call has returned. Raises what the call raises."""
        if self._thread.is_alive():
            self._call_turn.release()
            self._caller_turn.acquire()
        if self._error is not None:
            raise self._error
        report, self._report = self._report, None
        return report

    @property
    def result(self) -> Any:
        """What the call returned, once `next` was None."""
        return self._result

    def close(self) -> None:
        """End the call where it stands and let go of all that it holds. May be repeated."""
        if not self._closed:
            self._closed = True
            self._call_turn.release()
            self._thread.join()

    def _run(self) -> None:
        try:
            self._await_turn()
            self._result = self._call(self._stop)
        except _Closed:
            pass
        except BaseException as error:
            self._error = error
        finally:
            del self._call
            self._caller_turn.release()

    def _stop(self, report: Report) -> None:
        self._report = report
        self._caller_turn.release()
        self._await_turn()

    def _await_turn(self) -> None:
        self._call_turn.acquire()
        if self._closed:
            raise _Closed
