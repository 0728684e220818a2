"""Mapping of exceptions to failures with the codes of the wire contract."""

from collections.abc import Sequence
from dataclasses import replace

from renderq_worker.devices import is_out_of_memory
from renderq_worker.engine.errors import EngineError, NanOutput, RequestUnsupported
from renderq_worker.engine.failure import Failure
from renderq_worker.engine.generation import Generation, Stage
from renderq_worker.engine.oom_fallbacks import Fallback
from renderq_worker.models import ModelError


def failure_from(error: BaseException) -> Failure:
    """Return the failure of the generation that raised this exception."""
    if is_out_of_memory(error):
        return Failure(
            "out_of_memory",
            f"the device does not have enough memory for this image ({_first_line(error)}); request fewer pixels",
            retryable=True,
        )
    if isinstance(error, NanOutput):
        return Failure("nan_output", str(error), retryable=False)
    if isinstance(error, ModelError):
        return Failure("model_load_failed", str(error), retryable=False)
    if isinstance(error, RequestUnsupported):
        return Failure("request_unsupported", str(error), retryable=False)
    if isinstance(error, EngineError):
        return Failure("internal", str(error), retryable=False)
    return Failure("internal", f"{type(error).__name__}: {_first_line(error)}", retryable=False)


def out_of_memory_failure(
    generation: Generation, stage: Stage, applied: Sequence[Fallback], failure: Failure
) -> Failure:
    """Return the final failure, with the operation, the size and the fallbacks that were tried."""
    spec, operation = generation.spec, str(stage).replace("_", " ")
    attempts = "; ".join(fallback.message for fallback in applied)
    message = f"{operation}, {spec.width}×{spec.height} with model {spec.model!r}: {failure.message}"
    return replace(failure, message=f"{message}. Tried before: {attempts}" if attempts else message)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or "no message").splitlines()[0]
