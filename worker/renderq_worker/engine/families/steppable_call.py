"""Step-by-step execution of an opaque call: it runs on a thread of its own and pauses at each report."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor

from renderq_worker.engine.families.denoiser_call import DenoiserCall


class _Closed(BaseException):
    """Abort of the call; not an `Exception`, so that no handler inside the call catches it."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """One step is done."""

    latents: Tensor
    predict_final: Callable[[], Tensor | None] = lambda: None
    """Predicts the final latents; None if that is not known for the model."""


Report: TypeAlias = DenoiserCall | StepDone
Call: TypeAlias = Callable[[Callable[[Report], Any]], Any]
"""Takes a function to call with every report, which returns the answer to it."""


class SteppableCall:
    """A call that alternates with its caller: only one of them runs at a time."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._caller_turn, self._call_turn = threading.Semaphore(0), threading.Semaphore(0)
        self._report: Report | None = None
        self._answer: Any = None
        self._result: Any = None
        self._error: BaseException | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)
        self._thread.start()

    def next(self, answer: Any = None) -> Report | None:
        """Run until the next report; return None when the call has returned. Raises the call's exception.

        `answer` is that to the last report.
        """
        if self._thread.is_alive():
            self._answer = answer
            self._call_turn.release()
            self._caller_turn.acquire()
        if self._error is not None:
            raise self._error
        report, self._report = self._report, None
        return report

    @property
    def result(self) -> Any:
        """Return value of the call, once `next` has returned None."""
        return self._result

    def close(self) -> None:
        """Abort the call and release its references. Idempotent."""
        if not self._closed:
            self._closed = True
            self._call_turn.release()
            self._thread.join()

    def _run(self) -> None:
        try:
            self._await_turn()
            self._result = self._call(self._pause)
        except _Closed:
            pass
        except BaseException as error:
            self._error = error
        finally:
            del self._call
            self._caller_turn.release()

    def _pause(self, report: Report) -> Any:
        self._report = report
        self._caller_turn.release()
        self._await_turn()
        answer, self._answer = self._answer, None
        return answer

    def _await_turn(self) -> None:
        self._call_turn.acquire()
        if self._closed:
            raise _Closed
