"""Noise schedulers by name."""

import pytest
import torch
from diffusers import DDIMScheduler

from renderq import contract
from renderq_shared.catalog.noise_schedulers import NOISE_SCHEDULERS
from renderq_shared.imaging.cost import model_calls
from renderq_worker.engine.errors import SchedulerUnknown
from renderq_worker.engine.noise_schedulers import NoiseSchedulerFactory
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
