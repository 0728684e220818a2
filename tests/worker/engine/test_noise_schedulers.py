"""Noise schedulers by name."""

import diffusers
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler
from torch import Tensor

from renderq import contract
from renderq.contract.sampling import SCHEDULES
from renderq_shared.catalog.noise_schedulers import NOISE_SCHEDULERS, schedule_config
from renderq_shared.imaging.cost import model_calls
from renderq_worker.engine.errors import SchedulerUnknown, ScheduleUnsupported
from renderq_worker.engine.noise_schedulers import NoiseScheduler, NoiseSchedulerFactory, set_timesteps
from tests.worker.engine.tiny_models import SD1_SCHEDULER

CPU = torch.device("cpu")


@pytest.fixture
def factory() -> NoiseSchedulerFactory:
    return NoiseSchedulerFactory(DDIMScheduler(**SD1_SCHEDULER))  # type: ignore[arg-type]


def test_names_are_those_of_the_contract() -> None:
    assert tuple(NOISE_SCHEDULERS) == contract.SCHEDULERS


@pytest.mark.parametrize(
    ("name", "calls"), [("ddim", 50), ("pndm", 51), ("plms", 51), ("heun", 99), ("dpm2_a", 99), (None, 50)]
)
def test_model_calls_are_the_schedulers_own_count(factory: NoiseSchedulerFactory, name: str | None, calls: int) -> None:
    scheduler = factory.create(name, None)
    scheduler.set_timesteps(50, device=CPU)
    assert len(scheduler.timesteps) == calls


@pytest.mark.parametrize("name", NOISE_SCHEDULERS)
def test_model_calls_can_be_computed_in_advance(factory: NoiseSchedulerFactory, name: str) -> None:
    for steps, left in [(1, 1), (2, 1), (2, 2), (3, 2), (20, 1), (20, 13), (50, 50)]:
        scheduler = factory.create(name, None)
        scheduler.set_timesteps(steps, device=CPU)
        first = (steps - left) * scheduler.order
        assert model_calls(name, steps, left / steps) == len(scheduler.timesteps[first:]), (steps, left)
    assert model_calls(name, 4, 0.24) == 0


@pytest.mark.parametrize("name", [name for name, info in NOISE_SCHEDULERS.items() if "trailing" in info.schedules])
def test_trailing_timesteps_end_at_the_image(factory: NoiseSchedulerFactory, name: str) -> None:
    """With a model that predicts the exact noise, also with steps for which diffusers has one timestep too many."""
    scheduler = factory.create(name, "trailing")
    set_timesteps(scheduler, 61, CPU)
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        position = max(float(timestep), 0.0)
        index = min(int(position), 998)
        signal = torch.lerp(*scheduler.alphas_cumprod[index : index + 2], position - index)
        noise = (scheduler.scale_model_input(latents, timestep) - signal**0.5) / (1 - signal) ** 0.5
        latents = scheduler.step(noise, timestep, latents, return_dict=False)[0]
    assert float((latents - 1).abs().max()) < 0.2


@pytest.mark.parametrize("name", [name for name, info in NOISE_SCHEDULERS.items() if not info.has_fixed_schedule])
def test_a_scheduler_has_the_schedules_that_change_its_noise_levels(name: str) -> None:
    info = NOISE_SCHEDULERS[name]

    def levels(schedule: str | None) -> list[Tensor]:
        config = DDIMScheduler(**SD1_SCHEDULER).config  # type: ignore[arg-type]
        scheduler_class = getattr(diffusers, info.diffusers_class)
        scheduler = scheduler_class.from_config(config, **{**info.overrides, **schedule_config(schedule)})
        scheduler.set_timesteps(5, device=CPU)
        return [scheduler.timesteps, getattr(scheduler, "sigmas", scheduler.timesteps)]

    usual = levels(None)
    equal = {each: all(a.equal(b) for a, b in zip(levels(each), usual, strict=True)) for each in SCHEDULES}
    assert {each for each in SCHEDULES if not equal[each]} == set(info.schedules)


@pytest.mark.parametrize(
    ("own", "name"),
    [
        (DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++", use_exponential_sigmas=True), "deis"),
        (DPMSolverMultistepScheduler(use_exponential_sigmas=True), "dpmpp_2m_karras"),
        (DPMSolverMultistepScheduler(use_lu_lambdas=True), "dpmpp_2m"),
        (UniPCMultistepScheduler(use_beta_sigmas=True), None),
    ],
)
def test_a_schedule_replaces_that_of_the_models_own_scheduler(own: NoiseScheduler, name: str | None) -> None:
    karras = NoiseSchedulerFactory(own).create(name, None if name == "dpmpp_2m_karras" else "karras")
    assert [flag for flag in schedule_config("karras") if karras.config.get(flag)] == ["use_karras_sigmas"]
    karras.set_timesteps(3, device=CPU)


def test_a_schedule_that_the_scheduler_does_not_have_is_refused(factory: NoiseSchedulerFactory) -> None:
    for name, message in (
        ("euler_a", "the scheduler euler_a has trailing, not karras"),
        (None, "the model's own scheduler has trailing, not karras"),
        ("tcd", "the scheduler tcd has no schedules to choose from"),
    ):
        with pytest.raises(ScheduleUnsupported, match=message):
            factory.create(name, "karras")


def test_every_scheduler_has_its_own_history(factory: NoiseSchedulerFactory) -> None:
    first, second = factory.create("dpmpp_2m", None), factory.create("dpmpp_2m", None)
    first.set_timesteps(4, device=CPU)
    first.step(torch.ones(1, 4, 8, 8), first.timesteps[0], torch.ones(1, 4, 8, 8))
    assert second.timesteps is not first.timesteps
    assert second.model_outputs == [None, None]  # type: ignore[attr-defined]
    assert factory.create("dpmpp_2m", None).model_outputs == [None, None]  # type: ignore[attr-defined]


def test_an_unknown_name_lists_the_known_ones(factory: NoiseSchedulerFactory) -> None:
    with pytest.raises(SchedulerUnknown, match="choose one of ddim, ddpm, pndm"):
        factory.create("k_lms", None)
