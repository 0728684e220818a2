"""Any other diffusers pipeline, run through its own `__call__`: one image at a time, with progress and cancellation.

The image is the stock one by construction. The call pauses in its callback after each step until the engine resumes it.
"""

import copy
import functools
import inspect
import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
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
from renderq_worker.engine.families.encoded_prompts import EncodedPromptCache
from renderq_worker.engine.families.prompt_encoding import PromptEncoding
from renderq_worker.engine.families.steppable_call import Report, StepDone, SteppableCall, TimestepsSet
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.noise_schedulers import NoiseSchedulerFactory, drop_surplus_timestep
from renderq_worker.engine.tasks.types import Txt2Img
from renderq_worker.models import ModelLoadFailed, Placement, dtype_name
from renderq_worker.models.offload import load_placed

REQUIRED_ARGUMENTS = (
    "prompt",
    "width",
    "height",
    "num_inference_steps",
    "generator",
    "output_type",
    "callback_on_step_end",
    "guidance_scale",
    "negative_prompt",
)

EMPTY_NEGATIVE_PROMPT = " "
"""Negative prompt of pipelines that guide with `true_cfg_scale`, as their makers write it."""

_FREE_SIZE: Mapping[str, Mapping[str, object]] = {"HunyuanDiTPipeline": {"use_resolution_binning": False}}
"""Pipeline class → arguments without which it renders the nearest size of a list instead of the requested one."""

_UNSUPPORTED_FIELDS = {
    name: field.default
    for name, field in SamplingParams.model_fields.items()
    if name not in ("steps", "guidance_scale", "scheduler", "schedule")
}
"""Sampling fields that these pipelines have no argument for, with their neutral values."""


class PipelineRun:
    """One image in the pipeline. See `GenerationState`."""

    rows = 1
    token_chunks = 1

    def __init__(self, spec: GenerationSpec) -> None:
        self.spec = spec
        self.step = 0
        self.model_calls = spec.sampling.steps
        self.call: SteppableCall | None = None
        self.pending: Report | None = None
        """A report that arrived before it was requested."""

    def advance(self, _: Tensor) -> None:
        self.step += 1

    def close(self) -> None:
        """Abort the call; it can be restarted."""
        if self.call is not None:
            self.call.close()
            self.call = None


class GenericPipeline:
    """A loaded pipeline of a family without a step loop of its own."""

    batch_invariance = BatchInvariance()
    invariance_checks = 0

    def __init__(self, pipeline: Any, revision: str, device: Device, dtype: torch.dtype) -> None:
        """Raises `ModelLoadFailed` for a pipeline that lacks one of `REQUIRED_ARGUMENTS`."""
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline = pipeline
        self._schedulers = NoiseSchedulerFactory(pipeline.scheduler)
        self._arguments = inspect.signature(pipeline.__call__).parameters
        self._tracked = device.tracked
        self.revision = revision
        self.device = str(device.torch)
        self.dtype = dtype_name(dtype)
        self._encoded_prompts = EncodedPromptCache()
        self._runs: weakref.WeakSet[PipelineRun] = weakref.WeakSet()
        missing = [name for name in REQUIRED_ARGUMENTS if name not in self._arguments]
        if missing:
            raise ModelLoadFailed(
                f"a {type(pipeline).__name__} has no argument {missing[0]}: it cannot be run step by step"
            )
        weakref.finalize(self, _close, self._runs)  # running calls hold the weights; they are restarted later

    @classmethod
    def load(cls, entry: ModelEntry, placement: Placement, *, exact: bool) -> Self:
        """Raises `ModelLoadFailed`. `exact` has no effect: images are never batched."""
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

    def start_encoding(self, spec: GenerationSpec) -> None:
        """The call encodes the prompts, which the pipeline cuts off."""

    def encode(self, encoding: PromptEncoding) -> None: ...

    def prepare(
        self, spec: GenerationSpec, encoding: PromptEncoding | None = None, *, use_tiling: bool = False
    ) -> PipelineRun:
        """Run up to the first step. Raises `TaskUnsupported`, `ScheduleUnsupported` or `SizeUnsupported`."""
        self._check_supported(spec)
        run = PipelineRun(spec)
        self._start(run)
        return run

    def predict(self, states: Sequence[PipelineRun]) -> tuple[Tensor, ...]:
        """Run the next step of each, one after the other; return their latents."""
        return tuple(self._next(run) for run in states)

    def preview(self, estimate: Tensor) -> np.ndarray | None:
        return None

    def decode(self, state: PipelineRun, *, use_tiling: bool = False) -> np.ndarray:
        """Pixels, uint8 [height, width, 3]. Raises `NanOutput` or `SizeUnsupported`."""
        call = self._running(state)
        with self._tiling(on=use_tiling), _close_on_failure(state):
            report = call.next()
        if report is not None:
            raise EngineError(f"the pipeline runs more than the {state.model_calls} steps that it announced")
        image = call.result
        if not np.isfinite(image).all():
            raise NanOutput("the pipeline computed NaN or infinity; run the model in float32 or bfloat16")
        height, width = image.shape[:2]
        if (width, height) != (state.spec.width, state.spec.height):
            raise SizeUnsupported(
                f"{state.spec.width}×{state.spec.height} was requested, but the model renders {width}×{height}"
            )
        return (image * 255).round().astype(np.uint8)

    def _next(self, run: PipelineRun) -> Tensor:
        call = self._running(run)
        with _close_on_failure(run):
            report, run.pending = run.pending or call.next(), None
        if not isinstance(report, StepDone):
            raise EngineError(f"the pipeline ended after {run.step} of {run.model_calls} steps")
        return report.latents

    def _running(self, run: PipelineRun) -> SteppableCall:
        """Return the run's call; one that was aborted because the model was evicted is rerun up to its last step."""
        if run.call is not None:
            return run.call
        call = self._start(run)
        for _ in range(run.step):
            self._next(run)
        return call

    def _start(self, run: PipelineRun) -> SteppableCall:
        arguments = self._call_kwargs(run.spec)
        shell = copy.copy(self._pipeline)  # calls of several images may alternate; they share only the weights
        shell.scheduler = self._schedulers.create(None, run.spec.sampling.schedule)
        shell.encode_prompt = self._encoded_prompts.wrap(shell.encode_prompt)
        call = run.call = SteppableCall(functools.partial(_run_pipeline, shell, arguments, self._tracked))
        self._runs.add(run)
        report = call.next()
        if isinstance(report, TimestepsSet):
            run.model_calls, run.pending = report.steps, None
        else:
            run.pending = report
        return call

    def _call_kwargs(self, spec: GenerationSpec) -> dict[str, Any]:
        """Return the arguments of the call."""
        kwargs: dict[str, Any] = {
            "prompt": spec.prompt,
            "width": spec.width,
            "height": spec.height,
            "num_inference_steps": spec.sampling.steps,
            "generator": torch.Generator().manual_seed(spec.seed),
            "output_type": "np",
            **_FREE_SIZE.get(type(self._pipeline).__name__, {}),
        }
        if self._embeds_guidance or "true_cfg_scale" not in self._arguments:
            kwargs["guidance_scale"] = spec.sampling.guidance_scale
            if spec.negative_prompt:
                kwargs["negative_prompt"] = spec.negative_prompt
        else:  # it ignores guidance_scale, and true_cfg_scale without a negative prompt
            kwargs["true_cfg_scale"] = spec.sampling.guidance_scale
            kwargs["negative_prompt"] = spec.negative_prompt or EMPTY_NEGATIVE_PROMPT
        return kwargs

    def _check_supported(self, spec: GenerationSpec) -> None:
        """Reject options that the pipeline would ignore. Raises `TaskUnsupported` or `SizeUnsupported`."""
        unsupported = {
            "supports txt2img only": not isinstance(spec.task, Txt2Img),
            "runs with its own scheduler only": spec.sampling.scheduler is not None,
            **{
                f"does not support {name}": getattr(spec.sampling, name) != default
                for name, default in _UNSUPPORTED_FIELDS.items()
            },
            "does not support a negative prompt": bool(spec.negative_prompt) and self._embeds_guidance,
        }
        for reason, is_requested in unsupported.items():
            if is_requested:
                raise TaskUnsupported(f"model {spec.model!r} {reason}")
        multiple = getattr(self._pipeline, "image_processor", self._pipeline).config.get("vae_scale_factor", 8)
        if spec.width % multiple or spec.height % multiple:
            raise SizeUnsupported(
                f"model {spec.model!r} needs a width and height that are multiples of {multiple}, "
                f"not {spec.width}×{spec.height}"
            )

    @contextmanager
    def _tiling(self, *, on: bool) -> Generator[None]:
        """Turn on the autoencoder's tiling inside the context."""
        if not on:
            yield
            return
        before, self._autoencoder.use_tiling = self._autoencoder.use_tiling, True
        try:
            yield
        finally:
            self._autoencoder.use_tiling = before

    @property
    def _embeds_guidance(self) -> bool:
        """Whether the guidance scale is an input of the transformer; a negative prompt then has no effect."""
        return bool(getattr(self._pipeline, "transformer", self._pipeline).config.get("guidance_embeds", False))


@contextmanager
def _close_on_failure(run: PipelineRun) -> Generator[None]:
    """Close a call that failed, because it cannot be resumed."""
    try:
        yield
    except Exception:
        run.close()
        raise


def _run_pipeline(
    pipeline: Any,
    arguments: dict[str, Any],
    tracked: Callable[[], AbstractContextManager[object]],
    report: Callable[[Report], None],
) -> np.ndarray:
    """Run the pipeline; return float [height, width, 3] in 0 … 1."""
    set_timesteps, is_reported = pipeline.scheduler.set_timesteps, False

    @functools.wraps(set_timesteps)
    def set_and_report(*args: Any, **kwargs: Any) -> None:
        nonlocal is_reported
        set_timesteps(*args, **kwargs)
        drop_surplus_timestep(pipeline.scheduler)
        if not is_reported:
            is_reported = True
            report(TimestepsSet(len(pipeline.scheduler.timesteps)))

    def on_step_end(_: Any, __: int, ___: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        report(StepDone(tensors["latents"]))
        return tensors

    pipeline.scheduler.set_timesteps = set_and_report
    with torch.inference_mode(), tracked():
        return pipeline(**arguments, callback_on_step_end=on_step_end).images[0]


def _close(runs: "weakref.WeakSet[PipelineRun]") -> None:
    for run in runs:
        run.close()
