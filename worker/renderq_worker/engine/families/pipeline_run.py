"""One image in a stock pipeline: its call, and where that waits."""

import functools
import inspect
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import structlog
import torch
from torch import Tensor

from renderq_worker.devices import is_out_of_memory
from renderq_worker.engine.errors import EngineError
from renderq_worker.engine.families.denoiser_call import DenoiserCall
from renderq_worker.engine.families.pipeline_preview import predict_final
from renderq_worker.engine.families.steppable_call import Report, StepDone, SteppableCall
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.noise_schedulers import drop_surplus_timestep

log = structlog.get_logger(__name__)


class PipelineRun:
    """One image in the pipeline. See `GenerationState`."""

    token_chunks = 1

    def __init__(self, spec: GenerationSpec, *, use_tiling: bool) -> None:
        self.spec = spec
        self.use_tiling = use_tiling
        """Whether the autoencoder encodes the input image in tiles."""
        self.step = 0
        self.model_calls = spec.sampling.steps
        self.rows = 1
        self.denoiser_call = ""
        self.call: SteppableCall | None = None
        """None before the call starts, and after it was aborted; it can be started again."""
        self.waiting: DenoiserCall | None = None
        """The call of the denoiser for whose answer it waits."""
        self.latents: Tensor | None = None
        """Latents after the next step, once that is computed."""
        self._widths: list[int] = []
        """Images in each forward pass since the last step began."""
        self._predict_final: Callable[[], Tensor | None] | None = None
        self._error: Exception | None = None

    @property
    def batch_width(self) -> float:
        """Mean number of images in the forward passes of the last step; 1 if it had none."""
        return sum(self._widths) / len(self._widths) if self._widths else 1.0

    def start(self, call: SteppableCall) -> None:
        """Run up to the first call of the denoiser."""
        self.call = call
        self.begin_step()
        if self.waiting is not None:
            self.rows, self.denoiser_call = self.waiting.rows, self.waiting.kind

    def begin_step(self) -> None:
        """Run up to the first call of the denoiser in a step. Raises the call's exception."""
        self._widths = []
        self._go_on(None)

    def take(self, answer: Any, *, width: int) -> None:
        """Run up to the next call of the denoiser, or to the end of the step. Raises the call's exception.

        `answer` is that to the call for which it waits, from a forward pass with `width` images.
        """
        self._widths.append(width)
        self._go_on(answer)

    def _go_on(self, answer: Any) -> None:
        report = self.next(answer)
        if report is None:
            self.close()
            raise EngineError(f"the pipeline ended after {self.step} of {self.model_calls} steps")
        if isinstance(report, StepDone):
            self.latents, self._predict_final = report.latents, report.predict_final

    def next(self, answer: Any = None) -> Report | None:
        """Run up to the next report; return None at the end of the call.

        Raises the call's exception, also when called again, unless memory ran out: then the call can be started again.
        """
        if self._error is not None:
            raise self._error
        self.waiting = None
        try:
            report = None if self.call is None else self.call.next(answer)
        except Exception as error:
            self.close()
            self._error = None if is_out_of_memory(error) else error
            raise
        if isinstance(report, DenoiserCall):
            self.waiting = report
        return report

    def final_latents_or_none(self) -> Tensor | None:
        """Predict the final latents after a step, float32 [1, channels, h, w]; a preview must never fail its image."""
        try:
            return None if self._predict_final is None else self._predict_final()
        except Exception:
            log.exception("preview.prediction_failed")
            return None

    def advance(self, _: Tensor) -> None:
        self.step += 1
        self.latents = None

    def close(self) -> None:
        """Abort the call; it can be started again."""
        if self.call is not None:
            self.call.close()
        self.call = self.waiting = self.latents = self._predict_final = None


def run_pipeline(
    pipeline: Any,
    arguments: Mapping[str, Any],
    tracked: Callable[[], AbstractContextManager[object]],
    report: Callable[[Report], Any],
) -> np.ndarray:
    """Run the pipeline, whose scheduler is private to it; return float [height, width, 3] in 0 … 1."""
    scheduler = pipeline.scheduler
    set_timesteps, step = scheduler.set_timesteps, scheduler.step

    @functools.wraps(set_timesteps)
    def set_and_correct(*args: Any, **kwargs: Any) -> None:
        set_timesteps(*args, **kwargs)
        drop_surplus_timestep(scheduler)

    @functools.wraps(step)
    def step_and_report(*args: Any, **kwargs: Any) -> Any:
        result = step(*args, **kwargs)
        given = inspect.signature(step).bind(*args, **kwargs).arguments
        report(StepDone(result[0], lambda: predict_final(pipeline, given["model_output"], given["sample"], arguments)))
        return result

    scheduler.set_timesteps, scheduler.step = set_and_correct, step_and_report
    with torch.inference_mode(), tracked():
        return pipeline(**arguments).images[0]
