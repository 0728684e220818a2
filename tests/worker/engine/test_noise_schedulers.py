"""Noise schedulers by name."""

import pytest
import torch
from diffusers import DDIMScheduler

from renderq import contract
from renderq_shared.catalog.noise_schedulers import NOISE_SCHEDULERS
from renderq_shared.imaging.cost import model_calls
from renderq_worker.engine.errors import SchedulerUnknown
from renderq_worker.engine.noise_schedulers import NoiseSchedulerFactory, drop_surplus_timestep
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
    scheduler.set_timesteps(61, device=CPU)
    drop_surplus_timestep(scheduler)
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)) * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        position = max(float(timestep), 0.0)
        index = min(int(position), 998)
        signal = torch.lerp(*scheduler.alphas_cumprod[index : index + 2], position - index)
        noise = (scheduler.scale_model_input(latents, timestep) - signal**0.5) / (1 - signal) ** 0.5
        latents = scheduler.step(noise, timestep, latents, return_dict=False)[0]
    assert float((latents - 1).abs().max()) < 0.2


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
