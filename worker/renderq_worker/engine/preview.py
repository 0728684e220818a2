"""Previews of images that are still noisy: when the engine makes them, and from what.

A preview takes nothing from its image: it reads the state, draws no random number, and changes no tensor in place.
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
"""Most of the engine's time that previews take, however many are wanted."""

_BURST_S = 0.05
"""Time for previews that an engine saves up while none is made."""

_SIGNAL_LEAST = 1e-3

_log = structlog.get_logger(__name__)


class TimeBudget:
    """Time that previews may take."""

    def __init__(self) -> None:
        self._saved_s = _BURST_S
        self._since = time.monotonic()

    def has_time(self) -> bool:
        """Whether there is time for one more."""
        now = time.monotonic()
        self._saved_s = min(_BURST_S, self._saved_s + MAX_TIME_SHARE * (now - self._since))
        self._since = now
        return self._saved_s > 0

    def charge(self, seconds: float) -> None:
        """May overdraw: then none is allowed until as much is saved again."""
        self._saved_s -= seconds


class Previewer:
    """Makes previews for those who asked the mailbox for them, whoever has waited longest first."""

    def __init__(self, models: ModelStore[Family], mailbox: Mailbox) -> None:
        self._models = models
        self._mailbox = mailbox
        self._budget = TimeBudget()

    def requested(self, plan: StepPlan) -> tuple[str, ...]:
        """Ids whose latents are to be estimated while this is carried out."""
        if plan.stage is not Stage.DENOISING or not self._budget.has_time():
            return ()
        return self._mailbox.pending_previews(plan.ids)

    def make(self, result: StepResult) -> None:
        """Show what was estimated, as far as there is time; the others are estimated again at their next step."""
        generations = {generation.spec.id: generation for generation in result.plan.generations}
        for id in self._mailbox.pending_previews(result.estimates):
            if not self._budget.has_time():
                return
            started = time.monotonic()
            pixels = self._picture(result.plan.model, result.estimates[id])
            self._budget.charge(time.monotonic() - started)
            self._mailbox.discard_preview_request(id)
            if pixels is not None:
                self._mailbox.emit(Previewed(id, generations[id].step, generations[id].model_calls, pixels))

    def _picture(self, model: str, estimate: Tensor | None) -> np.ndarray | None:
        if estimate is None:
            return None
        try:
            with torch.inference_mode():
                return self._models.get(model).preview(estimate)
        except Exception:
            _log.exception("a preview failed", model=model)
            return None


def predict_x0_or_none(state: LatentState, prediction: Tensor) -> Tensor | None:
    """`predict_x0`, unless it fails: a preview is never worth its image."""
    try:
        return predict_x0(state, prediction)
    except Exception:
        _log.exception("latents could not be estimated")
        return None


def predict_x0(state: LatentState, prediction: Tensor) -> Tensor:
    """The finished latents if `prediction`, for the step to come, were right: float32 [1, channels, h, w].

    Whatever latents are to a scheduler, it gives the model sqrt(a) x0 + sqrt(1 - a) noise, with the a of the timestep in
    the schedule that the model was trained with. The model predicts the noise, or the velocity
    sqrt(a) noise - sqrt(1 - a) x0 (https://arxiv.org/abs/2202.00512, appendix D), or x0.
    """
    given = state.scheduler.scale_model_input(state.latents, state.timestep).float()
    predicted = apply_guidance(prediction, state.sampling).float()
    signal, noise = _levels(state)
    match state.scheduler.config["prediction_type"]:
        case "epsilon":
            return (given - noise * predicted) / max(signal, _SIGNAL_LEAST)
        case "v_prediction":
            return signal * given - noise * predicted
        case _:
            return predicted


def _levels(state: LatentState) -> tuple[float, float]:
    """sqrt(a) and sqrt(1 - a); the timesteps of some samplers lie between those of the schedule."""
    schedule, timestep = state.scheduler.alphas_cumprod, float(state.timestep)
    index = min(int(timestep), len(schedule) - 2)
    a = float(torch.lerp(schedule[index], schedule[index + 1], timestep - index))
    return a**0.5, (1 - a) ** 0.5
