"""A device that is lost ends the engine, and no image: the process ends, and leases give the jobs to other workers."""

from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline

from renderq_shared.catalog import ModelEntry
from renderq_worker.devices import CpuDevice, DeviceLost
from renderq_worker.engine import Canceled, Event, Failed, Img2Img, Rendered
from renderq_worker.engine.fallback_kind import FallbackKind
from renderq_worker.process.watchdog import EXIT_HUNG, Watchdog
from renderq_worker.threads.inflight_operations import InflightOperations
from tests.polling import wait_until
from tests.worker.engine.engine_harness import EngineHarness, random_image, spec, warnings
from tests.worker.engine.faults import before_each_forward


class LostDevice(CpuDevice):
    """A device that fails every computation once `is_lost` is set, and the probe."""

    is_lost = False
    probes = 0

    def responds(self) -> bool:
        self.probes += 1
        return not self.is_lost


def harness_with(device: LostDevice, model: ModelEntry, error: str, *, is_lost: bool) -> EngineHarness:
    def check(_: int, __: torch.Tensor) -> None:
        device.is_lost = is_lost
        raise torch.AcceleratorError(error)

    harness = EngineHarness([model], batching="fast", inject_fault=before_each_forward(check))
    harness.placement.device = harness.engine._device = harness.engine._runner._device = device
    return harness


@pytest.fixture
def device() -> LostDevice:
    return LostDevice(torch.device("cpu"))


@pytest.mark.parametrize("images", [1, 3])
def test_the_engine_dies_without_ending_its_images(tiny: ModelEntry, device: LostDevice, images: int) -> None:
    harness = harness_with(device, tiny, "CUDA error: an illegal memory access was encountered", is_lost=True)
    events: list[Event] = []
    engine = harness.engine
    engine.start()
    engine.submit([spec(number) for number in range(images)], events.append)
    wait_until(lambda: not engine.health.is_alive, "the end of the engine")
    assert not any(isinstance(event, Rendered | Failed | Canceled) for event in events)
    assert device.probes == 1
    exits: list[int] = []
    Watchdog(engine, InflightOperations(), 10.0, exits.append).tick()
    assert exits == [EXIT_HUNG]
    engine.close()
    assert not any(isinstance(event, Rendered | Failed | Canceled) for event in events)


def test_a_device_that_still_responds_fails_only_the_image(tiny: ModelEntry, device: LostDevice) -> None:
    harness = harness_with(device, tiny, "CUDA error: invalid argument", is_lost=False)
    harness.submit(spec(0))
    harness.finish()
    assert harness.failed("job/0").code == "internal"
    assert device.probes == 1


def test_an_error_of_no_device_probes_nothing(tiny: ModelEntry, device: LostDevice) -> None:
    harness = harness_with(device, tiny, "", is_lost=False)
    harness.engine._models._load = _raise  # type: ignore[assignment]
    harness.submit(spec(0))
    harness.finish()
    assert (harness.failed("job/0").code, device.probes) == ("internal", 0)


def _raise(_: Any) -> Any:
    raise ValueError("no device")


def test_a_device_that_is_lost_while_a_model_is_loaded(tiny: ModelEntry, device: LostDevice) -> None:
    harness = harness_with(device, tiny, "", is_lost=True)
    device.is_lost = True

    def load(_: ModelEntry) -> Any:
        raise RuntimeError("CUDA error: uncorrectable ECC error encountered")

    harness.engine._models._load = load  # type: ignore[assignment]
    harness.submit(spec(0))
    with pytest.raises(DeviceLost):
        harness.step()


def test_memory_that_runs_out_in_the_text_encoder_turns_on_no_tiles(tiny: ModelEntry) -> None:
    def attach(pipeline: StableDiffusionPipeline) -> None:
        def fail(*_: Any) -> None:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")

        pipeline.text_encoder.register_forward_pre_hook(fail)

    harness = EngineHarness([tiny], batching="fast", inject_fault=attach)
    harness.submit(spec(0, task=Img2Img(random_image(64, 64), 0.7)))
    harness.finish()
    assert harness.failed("job/0").code == "out_of_memory"
    assert FallbackKind.TILES not in warnings(harness)
