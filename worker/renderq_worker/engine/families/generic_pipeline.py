"""Any other diffusers pipeline, run whole: one image at a time, with the progress and the cancel of every family.

The pipeline's own `__call__` runs, so that its picture is the stock one by construction. It stops after each step,
where it calls back, and goes on when the engine says so.
"""

import copy
import functools
import inspect
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from renderq.contract import SamplingParams
from renderq_shared.catalog import ModelEntry
from renderq_worker.devices import Device
from renderq_worker.engine.batch_invariance import BatchInvariance
from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.errors import EngineError, NanOutput, SizeUnsupported, TaskUnsupported
from renderq_worker.engine.families.steppable import Report, StepDone, SteppableCall, TimestepsSet
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.tasks.types import Txt2Img
from renderq_worker.models import ModelLoadFailed, Placement
from renderq_worker.models.offload import load_placed

REQUIRED_ARGUMENTS = (
    "prompt",
    "width",
    "height",
    "num_inference_steps",
    "generator",
    "output_type",
    "callback_on_step_end",
)


_IGNORED = {
    name: field.default
    for name, field in SamplingParams.model_fields.items()
    if name not in ("steps", "guidance_scale", "scheduler")
}
"""Sampling fields that these pipelines have no argument for, and their neutral values."""


class PipelineRun:
    """One image on its way through the pipeline. See `state.State`, which it stands for."""

    rows = 1
    token_chunks = 1

    def __init__(self, spec: GenerationSpec) -> None:
        self.spec = spec
        self.step = 0
        self.model_calls = spec.sampling.steps
        self.call: SteppableCall | None = None
        self.pending: Report | None = None
        """A report that came before it was asked for."""

    def advance(self, _: Tensor) -> None:
        self.step += 1

    def close(self) -> None:
        """End it where it stands; it can be begun again."""
        if self.call is not None:
            self.call.close()
            self.call = None


class GenericPipeline:
    """A loaded pipeline of a family that has no step loop here."""

    batch_invariance = BatchInvariance()
    invariance_checks = 0

    def __init__(self, pipeline: Any, revision: str, device: Device, dtype: torch.dtype) -> None:
        """Raises `ModelLoadFailed` for a pipeline that takes no prompt, or does not say how far it is."""
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline = pipeline
        self._arguments = inspect.signature(pipeline.__call__).parameters
        self._tracked = device.tracked
        self.revision = revision
        self.device = str(device.torch)
        self.dtype = str(dtype).removeprefix("torch.")
        self._runs: weakref.WeakSet[PipelineRun] = weakref.WeakSet()
        missing = [name for name in REQUIRED_ARGUMENTS if name not in self._arguments]
        if missing:
            raise ModelLoadFailed(f"a {type(pipeline).__name__} takes no {missing[0]}: it cannot be run step by step")
        weakref.finalize(self, _close, self._runs)  # what is under way holds the weights: it is begun again later

    @classmethod
    def load(cls, entry: ModelEntry, placement: Placement, *, exact: bool) -> Self:
        """Raises `ModelLoadFailed`. `exact` makes no difference: every image is alone."""
        return cls(load_placed(entry, placement), entry.revision, placement.device, placement.dtype_of(entry))

    @property
    def tile_sample_size(self) -> int | None:
        vae = self._autoencoder
        return getattr(vae, "tile_sample_min_size", None) or getattr(vae, "tile_sample_min_height", None)

    @property
    def _autoencoder(self) -> Any:
        return getattr(self._pipeline, "vae", None)

    def batch_invariance_for(self, key: BatchKey) -> BatchInvariance:
        return self.batch_invariance

    def prepare(self, spec: GenerationSpec, *, use_tiling: bool = False) -> PipelineRun:
        """Run up to the first step. Raises `TaskUnsupported` or `SizeUnsupported`."""
        self._check_supported(spec)
        run = PipelineRun(spec)
        self._start(run)
        return run

    def predict(self, states: Sequence[PipelineRun]) -> tuple[Tensor, ...]:
        """The next step of each, one after the other; the latents that it left."""
        return tuple(self._next(run) for run in states)

    def preview(self, estimate: Tensor) -> np.ndarray | None:
        return None

    def decode(self, state: PipelineRun, *, use_tiling: bool = False) -> np.ndarray:
        """Pixels, uint8 [height, width, 3]. Raises `NanOutput` or `SizeUnsupported`."""
        call = self._running(state)
        with self._tiling(on=use_tiling), _begun_again_after_failure(state):
            report = call.next()
        if report is not None:
            raise EngineError(f"the pipeline makes more than the {state.model_calls} steps that it announced")
        picture = call.result
        if not np.isfinite(picture).all():
            raise NanOutput("the pipeline computed NaN or infinity; run the model in float32 or bfloat16")
        height, width = picture.shape[:2]
        if (width, height) != (state.spec.width, state.spec.height):
            raise SizeUnsupported(f"asked for {state.spec.width}×{state.spec.height}, the model made {width}×{height}")
        return (picture * 255).round().astype(np.uint8)

    def _next(self, run: PipelineRun) -> Tensor:
        call = self._running(run)
        with _begun_again_after_failure(run):
            report, run.pending = run.pending or call.next(), None
        if not isinstance(report, StepDone):
            raise EngineError(f"the pipeline ended after {run.step} of {run.model_calls} steps")
        return report.latents

    def _running(self, run: PipelineRun) -> SteppableCall:
        """The run's call; one that was ended because the model left memory is brought back to where it was."""
        if run.call is not None:
            return run.call
        call = self._start(run)
        for _ in range(run.step):
            self._next(run)
        return call

    def _start(self, run: PipelineRun) -> SteppableCall:
        arguments = self._call_kwargs(run.spec)
        shell = copy.copy(self._pipeline)  # runs of several images may alternate; they share nothing but the weights
        shell.scheduler = copy.deepcopy(self._pipeline.scheduler)
        call = run.call = SteppableCall(functools.partial(_run_whole, shell, arguments, self._tracked))
        self._runs.add(run)
        report = call.next()
        if isinstance(report, TimestepsSet):
            run.model_calls, run.pending = report.steps, None
        else:
            run.pending = report
        return call

    def _call_kwargs(self, spec: GenerationSpec) -> dict[str, Any]:
        """The arguments of the call."""
        chosen: dict[str, Any] = {
            "prompt": spec.prompt,
            "width": spec.width,
            "height": spec.height,
            "num_inference_steps": spec.sampling.steps,
            "generator": torch.Generator().manual_seed(spec.seed),
            "output_type": "np",
        }
        if "guidance_scale" in self._arguments:
            chosen["guidance_scale"] = spec.sampling.guidance_scale
        if spec.negative_prompt:
            chosen["negative_prompt"] = spec.negative_prompt
        return chosen

    def _check_supported(self, spec: GenerationSpec) -> None:
        """Nothing that was asked for may be ignored."""
        refused = {
            "does txt2img only": not isinstance(spec.task, Txt2Img),
            "runs with its own scheduler only": spec.sampling.scheduler is not None,
            **{f"knows no {name}": getattr(spec.sampling, name) != default for name, default in _IGNORED.items()},
            "takes no negative prompt": bool(spec.negative_prompt) and not self._takes_negative,
        }
        for reason, is_asked in refused.items():
            if is_asked:
                raise TaskUnsupported(f"model {spec.model!r} {reason}")
        multiple = getattr(self._pipeline, "image_processor", self._pipeline).config.get("vae_scale_factor", 8)
        if spec.width % multiple or spec.height % multiple:
            raise SizeUnsupported(
                f"model {spec.model!r} makes sides that are multiples of {multiple}, not {spec.width}×{spec.height}"
            )

    @contextmanager
    def _tiling(self, *, on: bool) -> Generator[None]:
        """The autoencoder's own tiles."""
        if not on:
            yield
            return
        before, self._autoencoder.use_tiling = self._autoencoder.use_tiling, True
        try:
            yield
        finally:
            self._autoencoder.use_tiling = before

    @property
    def _takes_negative(self) -> bool:
        """Models that were distilled for guidance take one, and heed it only with a second scale."""
        return "negative_prompt" in self._arguments and "true_cfg_scale" not in self._arguments


@contextmanager
def _begun_again_after_failure(run: PipelineRun) -> Generator[None]:
    """A call that failed cannot go on."""
    try:
        yield
    except Exception:
        run.close()
        raise


def _run_whole(
    pipeline: Any,
    arguments: dict[str, Any],
    tracked: Callable[[], AbstractContextManager[object]],
    stop: Callable[[Report], None],
) -> np.ndarray:
    """float [height, width, 3] in 0 … 1."""
    set_timesteps, was_ready = pipeline.scheduler.set_timesteps, False

    @functools.wraps(set_timesteps)
    def ready(*args: Any, **kwargs: Any) -> None:
        nonlocal was_ready
        set_timesteps(*args, **kwargs)
        if not was_ready:
            was_ready = True
            stop(TimestepsSet(len(pipeline.scheduler.timesteps)))

    def stepped(_: Any, __: int, ___: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        stop(StepDone(tensors["latents"]))
        return tensors

    pipeline.scheduler.set_timesteps = ready
    with torch.inference_mode(), tracked():
        return pipeline(**arguments, callback_on_step_end=stepped).images[0]


def _close(runs: "weakref.WeakSet[PipelineRun]") -> None:
    for run in runs:
        run.close()
