"""Execution of one operation on the device. Errors become failures of the generations that they concern."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from renderq_worker.devices import DeviceLost, is_device_error, is_out_of_memory
from renderq_worker.engine.batch_size import BatchSizeTuner
from renderq_worker.engine.error_mapping import failure_from, out_of_memory_failure
from renderq_worker.engine.errors import NanOutput
from renderq_worker.engine.failure import Failure
from renderq_worker.engine.fallback_kind import FallbackKind
from renderq_worker.engine.families import Family, PipelineRun, PromptEncoding
from renderq_worker.engine.generation import EncodedImage, Stage
from renderq_worker.engine.latents import GenerationState, LatentState
from renderq_worker.engine.oom_handler import OutOfMemoryHandler
from renderq_worker.engine.plan import StepPlan, StepResult
from renderq_worker.engine.preview import predict_x0_or_none
from renderq_worker.models import ModelStore, Placement


class Runner:
    """Owner of the generations' states on the device, from encoding to end."""

    def __init__(self, models: ModelStore[Family], batch_sizes: BatchSizeTuner, placement: Placement) -> None:
        self._models = models
        self._batch_sizes = batch_sizes
        self._device = placement.device
        self._oom_handler = OutOfMemoryHandler(models, batch_sizes, placement)
        self._encodings: dict[str, PromptEncoding] = {}
        self._states: dict[str, GenerationState] = {}

    def run(self, plan: StepPlan, in_use: Collection[str], previews: Collection[str] = ()) -> StepResult:
        """Run one operation. If it fails as a whole, all its generations fail. Raises only `DeviceLost`.

        An operation that runs out of memory is retried as long as there is another fallback. `in_use` names the models
        that generations in flight need; they are evicted last. `previews` are ids whose final latents to predict.
        """
        started = time.monotonic()
        self._device.reset_peak()
        try:
            with torch.inference_mode():
                result = self._execute(plan, in_use, previews)
        except Exception as error:
            result = self._failure(error)
        if isinstance(result, Failure):  # outside `except`: what the exception referenced, e.g. a model, is free now
            result = self._recover(plan, in_use, result)
        self.drop(result.failures)
        return result.with_cost(time.monotonic() - started, self._device.peak_bytes())

    def drop(self, ids: Iterable[str]) -> None:
        """Free the states of these generations; unknown ids are ignored."""
        for id in ids:
            self._encodings.pop(id, None)
            state = self._states.pop(id, None)
            if state is not None:
                state.close()

    def close(self) -> None:
        """Free all states."""
        self.drop((*self._states, *self._encodings))

    def _execute(self, plan: StepPlan, in_use: Collection[str], previews: Collection[str]) -> StepResult:
        if plan.stage is Stage.LOADING_MODEL:
            self._oom_handler.apply_known_offload(plan)
            self._models.load(plan.model, in_use)
            return StepResult(plan, advanced=plan.ids)
        if plan.stage is Stage.ENCODING and self._oom_handler.apply_known_offload(plan):
            return StepResult(plan)
        with self._device.tracked():
            match plan.stage:
                case Stage.ENCODING:
                    return self._encode(plan)
                case Stage.DENOISING:
                    return self._denoise(plan, previews)
                case Stage.DECODING:
                    return self._decode(plan)

    def _recover(self, plan: StepPlan, in_use: Collection[str], failure: Failure) -> StepResult:
        """Apply the next fallback if memory ran out, for a retry; else fail the generations."""
        if failure.code != "out_of_memory":
            return StepResult(plan, failures=dict.fromkeys(plan.ids, failure))
        kind = self._oom_handler.next_fallback(
            plan, in_use, self._rows(plan.ids), in_text_encoder=self._is_encoding_text(plan)
        )
        if kind is not None:
            return StepResult(plan, fallbacks=[kind])
        failures = {
            each.spec.id: out_of_memory_failure(each, plan.stage, self._oom_handler.applied(each), failure)
            for each in plan.generations
        }
        return StepResult(plan, failures=failures)

    def _encode(self, plan: StepPlan) -> StepResult:
        """Run the next passes of the text encoder; after the last one, prepare the image."""
        generation, family = plan.generations[0], self._models.get(plan.model)
        spec = generation.spec
        encoding = self._encodings.get(spec.id) or family.start_encoding(spec)
        if encoding is not None:
            self._encodings[spec.id] = encoding
            family.encode(encoding)
            if encoding.result is None:
                return StepResult(plan, advanced=plan.ids)
        use_tiling = self._oom_handler.is_tiled(generation)
        self._states[spec.id] = state = family.prepare(spec, encoding, use_tiling=use_tiling)
        self._encodings.pop(spec.id, None)
        rows = state.rows if state.denoiser_call else spec.rows
        return StepResult(
            plan,
            advanced=plan.ids,
            encoded=EncodedImage(state.model_calls, rows, state.token_chunks, state.denoiser_call),
            fallbacks=[FallbackKind.TILES] if use_tiling else (),
        )

    def _is_encoding_text(self, plan: StepPlan) -> bool:
        """Return whether the operation is a pass of the text encoder, not the preparation of the image."""
        encoding = self._encodings.get(plan.ids[0])
        return plan.stage is Stage.ENCODING and encoding is not None and encoding.result is None

    def _decode(self, plan: StepPlan) -> StepResult:
        use_tiling, state = self._oom_handler.is_tiled(plan.generations[0]), self._states[plan.ids[0]]
        pixels = self._models.get(plan.model).decode(state, use_tiling=use_tiling)
        self.drop(plan.ids)
        return StepResult(
            plan,
            advanced=plan.ids,
            pixels=pixels,
            is_flagged=isinstance(state, LatentState) and state.is_flagged,
            fallbacks=[FallbackKind.TILES] if use_tiling else (),
        )

    def _denoise(self, plan: StepPlan, previews: Collection[str]) -> StepResult:
        """Advance a batch. Out of memory fails it as a whole; after other errors its images are retried singly."""
        family, estimates = self._models.get(plan.model), dict[str, Tensor | None]()
        invariance_checks, started = family.invariance_checks, time.monotonic()
        try:
            failures = self._advance(plan.model, plan.ids, previews, estimates)
        except Exception as error:
            if len(plan.ids) == 1 or is_out_of_memory(error):
                raise
            failures = self._advance_singly(plan.model, plan.ids)
        else:
            if family.invariance_checks == invariance_checks:
                self._batch_sizes.record(plan.generations[0].key, self._rows(plan.ids), time.monotonic() - started)
        advanced = tuple(id for id in plan.ids if id not in failures)
        widths = {id: width for id in advanced if (width := self._states[id].batch_width) is not None}
        return StepResult(plan, advanced=advanced, failures=failures, estimates=estimates, batch_widths=widths)

    def _advance(
        self, model: str, ids: Sequence[str], previews: Collection[str], estimates: dict[str, Tensor | None]
    ) -> Mapping[str, Failure]:
        """Run one forward pass and each image's scheduler step. Raises before any state has changed, or not at all.

        Adds the predicted final latents of `previews` to `estimates`.
        """
        states = [self._states[id] for id in ids]
        predictions = self._models.get(model).predict(states)
        finite = _are_finite(predictions)
        failures: dict[str, Failure] = {}
        for id, state, prediction, is_finite in zip(ids, states, predictions, finite, strict=True):
            try:
                if not is_finite:
                    raise NanOutput(
                        f"the model computed NaN or infinity at step {state.step + 1} of {state.model_calls}; "
                        "try another scheduler, more steps, less guidance, lower prompt weights, or float32"
                    )
                if id in previews and isinstance(state, LatentState):
                    estimates[id] = predict_x0_or_none(state, prediction)
                elif id in previews and isinstance(state, PipelineRun):
                    estimates[id] = state.final_latents_or_none()
                state.advance(prediction)
            except Exception as error:
                failures[id] = self._failure(error)
        return failures

    def _advance_singly(self, model: str, ids: Sequence[str]) -> Mapping[str, Failure]:
        failures: dict[str, Failure] = {}
        for id in ids:
            try:
                failures.update(self._advance(model, [id], (), {}))
            except Exception as error:
                failures[id] = self._failure(error)
        return failures

    def _failure(self, error: Exception) -> Failure:
        """Return the failure of one image or operation. Raises `DeviceLost` if all further ones would fail, too."""
        if is_device_error(error) and not self._device.responds():
            raise DeviceLost(str(error)) from error
        return failure_from(error)

    def _rows(self, ids: Sequence[str]) -> int:
        return sum(self._states[id].rows for id in ids if id in self._states)


def _are_finite(predictions: Sequence[Tensor]) -> list[bool]:
    """Return one bool per image, with a single transfer from the device."""
    return torch.stack([torch.isfinite(prediction).all() for prediction in predictions]).tolist()
