"""Any other diffusers pipeline, run through its own `__call__`, with progress, cancellation and batches.

The image is the stock one by construction: each image has a call of its own, which goes on when the engine says so. The
calls of several images meet at the denoiser; see `rendezvous`.
"""

import copy
import inspect
import weakref
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from renderq_shared.catalog import LoraEntry, ModelEntry
from renderq_worker.devices import Device
from renderq_worker.engine.batch_invariance import BatchInvariance
from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.errors import EngineError, NanOutput, SizeUnsupported, TaskUnsupported
from renderq_worker.engine.families.encoded_prompts import EncodedPromptCache
from renderq_worker.engine.families.latent_preview import latents_to_preview
from renderq_worker.engine.families.lora_adapters import LoraAdapters
from renderq_worker.engine.families.pipeline_arguments import PipelineArguments
from renderq_worker.engine.families.pipeline_run import PipelineRun, run_pipeline
from renderq_worker.engine.families.pipeline_tasks import finish, pipelines_by_task
from renderq_worker.engine.families.prompt_encoding import PromptEncoding
from renderq_worker.engine.families.rendezvous import Rendezvous
from renderq_worker.engine.families.steppable_call import SteppableCall
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.loras import denoiser_weights, lora_names, text_encoder_weights
from renderq_worker.engine.noise_schedulers import NoiseSchedulerFactory
from renderq_worker.engine.tasks.types import Txt2Img
from renderq_worker.models import ModelLoadFailed, Placement, dtype_name
from renderq_worker.models.offload import load_placed

_DENOISERS = ("transformer", "unet")
"""Names under which pipelines keep their denoiser."""


class GenericPipeline:
    """A loaded pipeline of a family without a step loop of its own."""

    def __init__(
        self,
        pipeline: Any,
        revision: str,
        device: Device,
        dtype: torch.dtype,
        *,
        exact: bool,
        loras: Iterable[LoraEntry] = (),
        lora_memory_bytes: int = 0,
    ) -> None:
        """Raises `ModelLoadFailed` for a pipeline that cannot be run step by step."""
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline = pipeline
        self._pipelines = pipelines_by_task(pipeline)
        self._schedulers = NoiseSchedulerFactory(pipeline.scheduler)
        true_cfg = "true_cfg_scale" in inspect.signature(pipeline.__call__).parameters
        self._arguments = {
            task: PipelineArguments(each, guides_with_true_cfg=true_cfg) for task, each in self._pipelines.items()
        }
        if missing := self._arguments[Txt2Img].missing:
            raise ModelLoadFailed(
                f"a {type(pipeline).__name__} has no argument {missing[0]}: it cannot be run step by step"
            )
        self._denoiser_name = next(name for name in _DENOISERS if hasattr(pipeline, name))
        self._rendezvous = Rendezvous(getattr(pipeline, self._denoiser_name), exact=exact)
        self._loras = LoraAdapters(
            pipeline, loras, budget_bytes=lora_memory_bytes, on_change=self._rendezvous.find_layers
        )
        self._encoded_prompts = EncodedPromptCache()
        self._tracked = device.tracked
        self.revision = revision
        self.device = str(device.torch)
        self.dtype = dtype_name(dtype)
        self.rows_per_image = 2
        self._runs: weakref.WeakSet[PipelineRun] = weakref.WeakSet()
        weakref.finalize(self, _close, self._runs)  # running calls hold the weights; they are restarted later

    @classmethod
    def load(cls, entry: ModelEntry, placement: Placement, *, exact: bool, lora_memory_bytes: int = 0) -> Self:
        """Raises `ModelLoadFailed`."""
        pipeline = load_placed(entry, placement)
        return cls(
            pipeline,
            entry.revision,
            placement.device,
            placement.dtype_of(entry),
            exact=exact,
            loras=entry.loras,
            lora_memory_bytes=lora_memory_bytes,
        )

    @property
    def resident_loras(self) -> tuple[str, ...]:
        return self._loras.resident

    @property
    def batch_invariance(self) -> BatchInvariance:
        return self._rendezvous.invariance_for("")

    def batch_invariance_for(self, key: BatchKey) -> BatchInvariance:
        return self._rendezvous.invariance_for(key.denoiser_call, lora_names(key.loras))

    @property
    def invariance_checks(self) -> int:
        return self._rendezvous.invariance_checks

    @property
    def tile_sample_size(self) -> int | None:
        vae = self._autoencoder
        return getattr(vae, "tile_sample_min_size", None) or getattr(vae, "tile_sample_min_height", None)

    @property
    def _autoencoder(self) -> Any:
        return getattr(self._pipeline, "vae", None)

    def start_encoding(self, spec: GenerationSpec) -> None:
        """The call encodes the prompts, which the pipeline cuts off."""

    def encode(self, encoding: PromptEncoding) -> None: ...

    def prepare(
        self, spec: GenerationSpec, encoding: PromptEncoding | None = None, *, use_tiling: bool = False
    ) -> PipelineRun:
        """Run up to the first step. Raises `TaskUnsupported`, `ScheduleUnsupported` or `SizeUnsupported`.

        A `ValueError` of the stock call is a `TaskUnsupported`.
        """
        if type(spec.task) not in self._pipelines:
            supported = ", ".join(task.__name__.lower() for task in self._pipelines)
            raise TaskUnsupported(f"model {spec.model!r} supports {supported}, not {type(spec.task).__name__.lower()}")
        self._arguments[type(spec.task)].check(spec)
        run = PipelineRun(spec, use_tiling=use_tiling)
        try:
            self._start(run)
        except ValueError as error:  # stock calls check their arguments
            raise TaskUnsupported(f"model {spec.model!r} refuses the request: {error}") from error
        self.rows_per_image = run.rows
        return run

    def predict(self, states: Sequence[PipelineRun]) -> tuple[Tensor, ...]:
        """Run the next step of these images, whose calls of the denoiser are joined; return the latents after it.

        After an exception the images stand where they waited last, so that each can go on alone.
        """
        for run in states:
            self._resume(run)
            if run.latents is None and run.waiting is None:
                run.begin_step()
        weights = denoiser_weights(states[0].spec.loras)  # the same for all images of a batch
        self._loras.activate_denoiser(weights)
        loras = lora_names(weights)
        while waiting := [(run, run.waiting) for run in states if run.waiting is not None]:
            for batch in self._rendezvous.batches([call for _, call in waiting], loras):
                answers = self._rendezvous.answer([waiting[index][1] for index in batch], loras)
                for index, answer in zip(batch, answers, strict=True):
                    waiting[index][0].take(answer, width=len(batch))
        return tuple(run.latents for run in states if run.latents is not None)

    def preview(self, estimate: Tensor) -> np.ndarray | None:
        """Return a small image; None with a safety checker, or for latents that the autoencoder does not take."""
        config: Mapping[str, Any] = getattr(self._autoencoder, "config", {})
        is_checked = getattr(self._pipeline, "safety_checker", None) is not None
        if is_checked or "scaling_factor" not in config or estimate.shape[1] != config.get("latent_channels"):
            return None
        return latents_to_preview(estimate, self._autoencoder)

    def decode(self, state: PipelineRun, *, use_tiling: bool = False) -> np.ndarray:
        """Pixels, uint8 [height, width, 3]. Raises `NanOutput` or `SizeUnsupported`."""
        self._resume(state)
        call = state.call
        with self._tiling(on=use_tiling):
            report = state.next()
        if report is not None or call is None:
            raise EngineError(f"the pipeline runs more than the {state.model_calls} steps that it announced")
        image = call.result
        if not np.isfinite(image).all():
            raise NanOutput("the pipeline computed NaN or infinity; run the model in float32 or bfloat16")
        height, width = image.shape[:2]
        if (width, height) != (state.spec.width, state.spec.height):
            raise SizeUnsupported(
                f"{state.spec.width}×{state.spec.height} was requested, but the model renders {width}×{height}"
            )
        return finish((image * 255).round().astype(np.uint8), state.spec)

    def _resume(self, run: PipelineRun) -> None:
        """Start a call again that was aborted because the model was evicted, and run it up to its last step."""
        if run.call is not None:
            return
        self._start(run)
        for _ in range(run.step):
            self.predict([run])
            run.latents = None

    def _start(self, run: PipelineRun) -> None:
        self._loras.load(run.spec.loras)
        encoder_weights = text_encoder_weights(run.spec.loras)
        self._loras.activate_text_encoders(encoder_weights)
        # calls of several images may alternate; they share only the weights
        shell = copy.copy(self._pipelines[type(run.spec.task)])
        shell.scheduler = self._schedulers.create(None, run.spec.sampling.schedule)
        if hasattr(shell, "encode_prompt"):
            shell.encode_prompt = self._encoded_prompts.wrap(shell.encode_prompt, encoder_weights)
        arguments = self._arguments[type(run.spec.task)].of(run.spec)
        # the call must not refer to this family: it is aborted when that is freed
        rendezvous, name, tracked = self._rendezvous, self._denoiser_name, self._tracked

        def call(report: Any) -> np.ndarray:
            setattr(shell, name, rendezvous.substitute(report))
            return run_pipeline(shell, arguments, tracked, report)

        self._runs.add(run)
        with self._tiling(on=run.use_tiling):
            run.start(SteppableCall(call))
        run.model_calls = getattr(shell, "_num_timesteps", None) or len(shell.scheduler.timesteps)

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


def _close(runs: "weakref.WeakSet[PipelineRun]") -> None:
    for run in runs:
        run.close()
