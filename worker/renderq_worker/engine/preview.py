"""Previews of unfinished images: prediction of the final latents, and a time budget.

A preview does not affect its image: it reads the state, draws no random numbers, and changes no tensor in place.
"""

import time

import numpy as np
import structlog
import torch
from torch import Tensor

from renderq_worker.engine.events import Previewed
from renderq_worker.engine.families import Family
from renderq_worker.engine.generation import Stage
from renderq_worker.engine.guidance import apply_guidance
from renderq_worker.engine.latents import LatentState
from renderq_worker.engine.mailbox import Mailbox
from renderq_worker.engine.plan import StepPlan, StepResult
from renderq_worker.models import ModelStore

MAX_TIME_SHARE = 0.1
"""Maximum share of the engine's time for previews, however many are requested."""

_BURST_S = 0.05
"""Maximum time for previews that accumulates while none is made."""

_MIN_SIGNAL = 1e-3

log = structlog.get_logger(__name__)


class TimeBudget:
    """Budget of the time for previews."""

    def __init__(self) -> None:
        self._available_s = _BURST_S
        self._since = time.monotonic()

    def has_time(self) -> bool:
        """Return whether there is time for another preview."""
        now = time.monotonic()
        self._available_s = min(_BURST_S, self._available_s + MAX_TIME_SHARE * (now - self._since))
        self._since = now
        return self._available_s > 0

    def charge(self, seconds: float) -> None:
        """Spend time. The budget may become negative; then no preview is made until it is positive again."""
        self._available_s -= seconds


class Previewer:
    """Producer of the previews requested from the mailbox, oldest request first."""

    def __init__(self, models: ModelStore[Family], mailbox: Mailbox) -> None:
        self._models = models
        self._mailbox = mailbox
        self._budget = TimeBudget()

    def requested(self, plan: StepPlan) -> tuple[str, ...]:
        """Return the ids whose final latents to predict during this operation."""
        if plan.stage is not Stage.DENOISING or not self._budget.has_time():
            return ()
        return self._mailbox.pending_previews(plan.ids)

    def make(self, result: StepResult) -> None:
        """Emit previews of the predicted latents while there is time; the others wait for their next step."""
        generations = {generation.spec.id: generation for generation in result.plan.generations}
        for id in self._mailbox.pending_previews(result.estimates):
            if not self._budget.has_time():
                return
            started = time.monotonic()
            pixels = self._decode(result.plan.model, result.estimates[id])
            self._budget.charge(time.monotonic() - started)
            self._mailbox.discard_preview_request(id)
            if pixels is not None:
                self._mailbox.emit(Previewed(id, generations[id].step, generations[id].model_calls, pixels))

    def _decode(self, model: str, estimate: Tensor | None) -> np.ndarray | None:
        if estimate is None:
            return None
        try:
            with torch.inference_mode():
                return self._models.get(model).preview(estimate)
        except Exception:
            log.exception("preview.failed", model=model)
            return None


def predict_x0_or_none(state: LatentState, prediction: Tensor) -> Tensor | None:
    """Return `predict_x0`, or None if it fails: a preview must never fail its image."""
    try:
        return predict_x0(state, prediction)
    except Exception:
        log.exception("preview.prediction_failed")
        return None


def predict_x0(state: LatentState, prediction: Tensor) -> Tensor:
    """Return the final latents if `prediction`, for the next step, were exact: float32 [1, channels, h, w].

    Schedulers scale their latents differently, but the model's input always is sqrt(a) x0 + sqrt(1 - a) noise, with the
    a of the timestep in the training schedule. The model predicts the noise, or the velocity
    sqrt(a) noise - sqrt(1 - a) x0 (https://arxiv.org/abs/2202.00512, appendix D), or x0.
    """
    model_input = state.scheduler.scale_model_input(state.latents, state.timestep).float()
    predicted = apply_guidance(prediction, state.sampling).float()
    signal, noise = _levels(state)
    match state.scheduler.config["prediction_type"]:
        case "epsilon":
            return (model_input - noise * predicted) / max(signal, _MIN_SIGNAL)
        case "v_prediction":
            return signal * model_input - noise * predicted
        case _:
            return predicted


def _levels(state: LatentState) -> tuple[float, float]:
    """Return sqrt(a) and sqrt(1 - a), interpolated: some schedulers' timesteps lie between those of training."""
    schedule, timestep = state.scheduler.alphas_cumprod, float(state.timestep)
    index = min(int(timestep), len(schedule) - 2)
    a = float(torch.lerp(schedule[index], schedule[index + 1], timestep - index))
    return a**0.5, (1 - a) ** 0.5
