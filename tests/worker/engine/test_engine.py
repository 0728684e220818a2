"""The engine's interface: events, free slots, threads, closing."""

import math
import threading
import time

import numpy as np
import pytest
from diffusers import StableDiffusionPipeline

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import (
    Canceled,
    Decoding,
    DuplicateGeneration,
    Encoding,
    Engine,
    EngineClosed,
    EngineHealth,
    EngineSettings,
    Event,
    Loading,
    Rendered,
    Stepped,
)
from renderq_worker.engine.families import Family, load_family
from tests.worker.engine.engine_harness import EngineHarness, render_alone, spec


@pytest.fixture
def engine(tiny: ModelEntry) -> Engine:
    return Engine.of([tiny], EngineSettings(device="cpu", threads=1))


def test_a_generation_reports_its_stages(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(0, scheduler="heun", steps=3))
    harness.finish()
    assert harness.events[:-1] == [
        Loading("job/0", "tiny"),
        Encoding("job/0"),
        *(Stepped("job/0", step, 5) for step in range(1, 6)),
        Decoding("job/0"),
    ]
    stats = harness.stats("job/0")
    assert harness.pixels("job/0").shape == (64, 64, 3)
    assert harness.pixels("job/0").dtype == np.uint8
    assert (stats.device, stats.dtype, stats.model_revision) == ("cpu", "float32", tiny.revision)
    assert stats.load_ms > 0
    assert stats.inference_ms > 0
    assert stats.peak_memory_bytes is None


def test_a_resident_model_is_not_loaded_again(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(0))
    harness.finish()
    harness.submit(spec(1))
    harness.finish()
    assert Loading("job/1", "tiny") not in harness.events
    assert harness.stats("job/1").load_ms == 0
    assert harness.engine.resident_models() == ("tiny",)


def test_short_work_passes_long_work(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(0, steps=40))
    harness.tick(5)
    harness.submit(spec(1, steps=2))
    harness.finish()
    order = [event.generation_id for event in harness.events if isinstance(event, Rendered)]
    assert order == ["job/1", "job/0"]


def test_a_listener_that_raises_affects_no_other(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])

    def failing_listener(event: Event) -> None:
        raise RuntimeError("no")

    harness.engine.submit([spec(0)], failing_listener)
    harness.submit(spec(1))
    harness.finish()
    np.testing.assert_array_equal(harness.pixels("job/1"), render_alone(tiny, spec(1)))


def test_ids_are_unique_while_in_flight(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    with pytest.raises(DuplicateGeneration):
        harness.submit(spec(0), spec(0))
    assert harness.engine.is_empty()
    harness.submit(spec(0))
    with pytest.raises(DuplicateGeneration):
        harness.submit(spec(1), spec(0))
    assert harness.engine.in_flight() == 1
    harness.finish()
    harness.submit(spec(0))
    harness.finish()


def test_free_slots_are_width_minus_what_is_in_flight(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny], batching="fast", wide_batches=False)
    assert harness.engine.free_slots("tiny") == 1
    harness.submit(spec(0), spec(1), spec(2))
    assert harness.engine.free_slots("tiny") == -2
    harness.finish()
    harness.assume_wide_batches_pay(tiny)
    assert harness.engine.free_slots("tiny") == 8
    assert harness.engine.free_slots("never heard of") == 1


def test_free_slots_in_exact_mode_are_as_many_as_the_bits_allow(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    assert harness.engine.free_slots("tiny") == 1  # unknown before the model is loaded
    harness.submit(spec(0))
    harness.finish()
    invariance = load_family(tiny, EngineSettings(device="cpu")).batch_invariance
    assert harness.engine.free_slots("tiny") == invariance.guided_rows // 2


def test_freed_slots_are_announced(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    rooms: list[int] = []
    harness.engine.on_slots_freed(lambda: rooms.append(harness.engine.free_slots("tiny")))
    harness.submit(spec(0))
    harness.finish()
    assert rooms[-1] == harness.engine.free_slots("tiny") == rooms[-2] + 1
    harness.submit(spec(1), spec(2))
    harness.engine.cancel(["job/1", "job/2"])
    rooms.clear()
    harness.finish()
    assert rooms == [harness.engine.free_slots("tiny")]


def test_a_listener_that_raises_stops_no_image(tiny: ModelEntry) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken")

    harness = EngineHarness([tiny])
    harness.engine.on_operation(fail)
    harness.engine.on_slots_freed(fail)
    harness.submit(spec(0))
    harness.finish()
    assert isinstance(harness.final_event("job/0"), Rendered)


def test_health_names_the_running_operation(tiny: ModelEntry) -> None:
    seen: list[EngineHealth] = []

    def watch(pipeline: StableDiffusionPipeline) -> None:
        pipeline.unet.register_forward_pre_hook(lambda *_: seen.append(harness.engine.health))

    harness = EngineHarness([tiny], inject_fault=watch)
    idle = harness.engine.health
    assert (idle.is_alive, idle.stage, idle.stall_budget_s) == (True, None, math.inf)
    assert not idle.is_stalled(time.monotonic() + 1e6)
    harness.submit(spec(0, steps=2))
    harness.finish()
    first, during = seen
    assert (during.is_alive, during.stage, during.stall_budget_s) == (True, "denoising", 120)
    assert not during.is_stalled(during.since + 119)
    assert during.is_stalled(during.since + 121)
    assert first.stall_budget_s == 240
    assert harness.engine.health.stage is None


def test_a_large_model_may_take_as_long_to_load_as_a_slow_disk_needs(
    tiny: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = EngineHarness([tiny])
    monkeypatch.setattr(harness.placement, "weight_bytes", lambda _: 48 * 10**9)
    budgets: list[float] = []
    load = harness.models._load

    def watch(entry: ModelEntry) -> Family:
        budgets.append(harness.engine.health.stall_budget_s)
        return load(entry)

    harness.models._load = watch
    harness.submit(spec(0, steps=1))
    harness.finish()
    assert budgets == [240 + 960]


def test_on_its_own_thread(engine: Engine, tiny: ModelEntry) -> None:
    done = threading.Event()
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, Rendered) and event.generation_id == "job/1":
            done.set()

    engine.start()
    engine.submit([spec(0)], listen)
    engine.submit([spec(1, steps=6)], listen)
    assert done.wait(60)
    assert engine.health.is_alive
    engine.close()
    assert not engine.health.is_alive
    assert engine.is_empty()
    [pixels] = [event.pixels for event in events if isinstance(event, Rendered) and event.generation_id == "job/1"]
    np.testing.assert_array_equal(pixels, render_alone(tiny, spec(1, steps=6)))


def test_closing_cancels_images_in_flight(engine: Engine) -> None:
    stepped = threading.Event()
    events: list[Event] = []

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, Stepped):
            stepped.set()

    engine.start()
    engine.submit([spec(0, steps=999), spec(1, steps=999)], listen)
    assert stepped.wait(60)
    engine.close()
    engine.close()
    assert {event.generation_id for event in events if isinstance(event, Canceled)} == {"job/0", "job/1"}
    assert engine.in_flight() == 0
    with pytest.raises(EngineClosed):
        engine.submit([spec(2)], listen)


def test_closing_without_a_thread(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(0))
    harness.engine.close()
    assert harness.events == [Canceled("job/0")]


def test_measured_widths_survive_a_restart(tiny: ModelEntry, tmp_path: object) -> None:
    settings = EngineSettings(device="cpu", batching="fast", batch_sizes_file=tmp_path / "batch_sizes.json")  # type: ignore[operator]
    first = Engine.of([tiny], settings)
    first.submit([spec(0, steps=8)], lambda _: None)
    while first.step():
        pass
    assert settings.batch_sizes_file is not None
    assert settings.batch_sizes_file.exists()
    assert Engine.of([tiny], settings).free_slots("tiny") >= 1
