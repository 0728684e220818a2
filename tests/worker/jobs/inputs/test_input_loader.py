"""Jobs that start from pictures: read from the store beside the engine, and never half."""

import io
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from renderq.contract import Status
from renderq_shared.errors import ObjectStoreUnavailable
from renderq_shared.jobs import NewAsset, NewJob, QueueLimits, commands
from renderq_shared.objects import FolderStore
from renderq_worker.engine import Depth2Img, GenerationSpec, Img2Img, Inpaint, Upscale, Variation
from tests.worker.conftest import NewHarness
from tests.worker.worker_harness import MODEL, TENANT, WorkerHarness, error, outputs, request_json, wait_until


class Shelf(FolderStore):
    """Reads wait for `open`, and the next `refusals` of them fail."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.open = threading.Event()
        self.open.set()
        self.reads = 0
        self.refusals = 0

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        self.reads += 1
        assert self.open.wait(60)
        if self.refusals > 0:
            self.refusals -= 1
            raise ObjectStoreUnavailable("the disk is asleep")
        return super().read(key, start, end)


class Desk:
    """A worker with a shelf, and what its engine was given."""

    def __init__(self, harness: WorkerHarness, shelf: Shelf) -> None:
        self.harness, self.shelf = harness, shelf
        self.given: list[GenerationSpec] = []
        submit = harness.engine.submit

        def note(specs: Sequence[GenerationSpec], listener: Any) -> None:
            self.given += specs
            submit(specs, listener)

        harness.engine.submit = note

    def asset(self, number: int, file: bytes, *, kept: bool = True) -> str:
        """An asset of the tenant, as the API keeps it."""
        id = f"asset_{number:064}"
        asset = NewAsset(id, TENANT, f"assets/t/{number}/{id}.png", "image/png", 8, 8, len(file))
        self.harness.store.call(commands.reserve_asset(asset, 60_000))
        self.harness.store.call(commands.commit_asset(asset))
        if kept:
            self.shelf.put(asset.key, file, "image/png")
        return id

    def submit(self, job_id: str, task: str, **fields: Any) -> None:
        text = request_json(task=task, **fields)
        request = json.loads(text)
        assets = tuple({request[name] for name in ("image", "mask", "depth_map") if request.get(name)})
        job = NewJob(job_id, TENANT, task, MODEL, text, request["n"], 1.0, 0, 3, assets=assets)
        self.harness.store.call(commands.submit(job, QueueLimits(10_000, 10_000)))


@pytest.fixture
def desk(new_harness: NewHarness, tmp_path: Path) -> Iterator[Desk]:
    shelf = Shelf(tmp_path)
    yield Desk(new_harness(objects=shelf), shelf)
    shelf.open.set()


def png(color: int, width: int = 16, height: int = 8) -> bytes:
    return saved(Image.new("RGB", (width, height), (color, 0, 0)))


def saved(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_the_engine_gets_the_input_image_for_every_image_of_the_job(desk: Desk) -> None:
    image = desk.asset(1, png(200, width=32, height=16))
    desk.submit("job", "img2img", image=image, strength=0.5, n=3)
    desk.harness.wake()
    job = desk.harness.wait_until_ended("job")
    assert (job.status, len(outputs(job))) == (Status.SUCCEEDED, 3)
    assert [(spec.seed, spec.width, spec.height) for spec in desk.given] == [(5, 16, 8), (6, 16, 8), (7, 16, 8)]
    [task] = {id(spec.task): spec.task for spec in desk.given}.values()
    assert isinstance(task, Img2Img)
    assert task.strength == 0.5
    assert np.array_equal(task.image, np.full((8, 16, 3), [200, 0, 0]))
    assert desk.shelf.reads == 1


def test_each_task_gets_its_inputs(desk: Desk) -> None:
    image, mask = desk.asset(1, png(200)), desk.asset(2, png(255))
    desk.submit("a", "inpaint", image=image, mask=mask, strength=1.0)
    desk.submit("b", "outpaint", image=image, extend={"left": 8, "top": 24})
    desk.submit("c", "variation", image=image)
    noise = Image.fromarray(np.random.default_rng(7).integers(0, 256, (17, 9, 3), np.uint8))
    slope = np.arange(32 * 4, dtype=np.uint16).reshape(4, 32) * 300
    deep, small = desk.asset(3, saved(Image.fromarray(slope))), desk.asset(4, saved(noise))
    desk.submit("d", "depth2img", image=image, depth_map=deep, strength=0.5, clip_skip=2)
    desk.submit("e", "depth2img", image=image, guidance_rescale=0.5)
    desk.submit("f", "upscale", image=small, noise_level=7)
    desk.harness.wake()
    assert {desk.harness.wait_until_ended(name).status for name in "abcdef"} == {Status.SUCCEEDED}
    tasks = {spec.id[0]: (spec.task, spec.width, spec.height) for spec in desk.given}
    painted, width, height = tasks["a"]
    assert isinstance(painted, Inpaint)
    assert (painted.mask.tolist(), width, height) == ([[76] * 16] * 8, 16, 8)
    extended, width, height = tasks["b"]
    assert isinstance(extended, Inpaint)
    assert (extended.image.shape, width, height) == ((32, 24, 3), 24, 32)
    assert isinstance(tasks["c"][0], Variation)
    assert (outputs(desk.harness.job("b"))[0]["width"], outputs(desk.harness.job("b"))[0]["height"]) == (24, 32)
    mapped, unmapped, enlarged = (tasks[name][0] for name in "def")
    assert isinstance(mapped, Depth2Img)
    assert isinstance(unmapped, Depth2Img)
    assert isinstance(enlarged, Upscale)
    assert (mapped.image.shape, mapped.strength, unmapped.depth_map) == ((8, 16, 3), 0.5, None)
    assert (mapped.depth_map.shape, mapped.depth_map.dtype, np.ptp(mapped.depth_map)) == ((4, 16), np.float32, 1)
    assert np.array_equal(enlarged.image, noise.resize((16, 8), Image.Resampling.BICUBIC))
    assert (enlarged.noise_level, tasks["f"][1:]) == (7, (64, 32))
    heeded = {spec.id[0]: (spec.sampling.clip_skip, spec.sampling.guidance_rescale) for spec in desk.given}
    assert (heeded["c"], heeded["d"], heeded["e"]) == ((0, 0), (2, 0), (0, 0.5))


@pytest.mark.parametrize("how", ["no asset", "no file", "no picture"])
def test_an_image_that_cannot_be_had_fails_its_job_alone(desk: Desk, how: str) -> None:
    image = desk.asset(1, b"\x89PNG nothing", kept=how != "no file")
    desk.submit("job", "img2img", image=image, n=2)
    if how == "no asset":
        desk.harness.client.delete(f"rq:asset:{image}:{TENANT}")
    desk.submit("other", "txt2img")
    desk.harness.wake()
    job = desk.harness.wait_until_ended("job")
    assert (job.status, error(job)["code"], error(job)["retryable"]) == (Status.FAILED, "input_unreadable", False)
    assert image in error(job)["message"]
    assert desk.harness.wait_until_ended("other").status is Status.SUCCEEDED
    assert {spec.id[:5] for spec in desk.given} == {"other"}


def test_a_store_that_is_away_for_a_while_costs_nothing_but_time(desk: Desk) -> None:
    desk.shelf.refusals = 2
    desk.submit("job", "img2img", image=desk.asset(1, png(200)))
    desk.harness.wake()
    assert desk.harness.wait_until_ended("job").status is Status.SUCCEEDED
    desk.shelf.refusals = 100
    desk.submit("lost", "img2img", image=desk.asset(2, png(200)))
    desk.harness.wake()
    lost = desk.harness.wait_until_ended("lost")
    assert (lost.status, error(lost)["code"], error(lost)["retryable"]) == (Status.FAILED, "storage_failed", True)


def test_a_job_that_is_canceled_while_its_image_is_read_never_comes_into_the_engine(desk: Desk) -> None:
    desk.shelf.open.clear()
    desk.submit("job", "img2img", image=desk.asset(1, png(200)))
    desk.submit("next", "img2img", image=desk.asset(2, png(200)))
    desk.submit("last", "img2img", image=desk.asset(3, png(200)))
    desk.harness.wake()
    wait_until(lambda: desk.shelf.reads == 2)  # as many as there are threads
    running = [
        desk.harness.wait_until(name, lambda job: job.status is Status.RUNNING) for name in ("job", "next", "last")
    ]
    for job in running:
        desk.harness.store.call(commands.cancel(TENANT, job.id))
        desk.harness.worker.cancel(str(job.claim_id))
    desk.shelf.open.set()
    assert {desk.harness.wait_until_ended(name).status for name in ("job", "next", "last")} == {Status.CANCELED}
    assert desk.shelf.reads == 2
    assert len(desk.given) == 2


def test_input_images_that_are_being_read_take_slots_already(desk: Desk) -> None:
    desk.shelf.open.clear()
    assert desk.harness.worker.can_accept()
    desk.submit("job", "img2img", image=desk.asset(1, png(200)), n=16)
    desk.harness.wake()
    wait_until(lambda: desk.shelf.reads == 1)
    assert not desk.harness.worker.can_accept()
    desk.shelf.open.set()
    desk.harness.wait_until_ended("job")
    wait_until(desk.harness.worker.can_accept)


def test_a_lease_is_kept_while_an_image_is_read(new_harness: NewHarness, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    desk = Desk(new_harness(objects=shelf, lease_seconds=0.3), shelf)
    shelf.open.clear()
    desk.submit("job", "img2img", image=desk.asset(1, png(200)))
    desk.harness.wake()
    wait_until(lambda: shelf.reads == 1)
    renewed = desk.harness.client.zscore("rq:leases", "job")
    wait_until(lambda: desk.harness.client.zscore("rq:leases", "job") > renewed + 300)
    shelf.open.set()
    assert desk.harness.wait_until_ended("job").attempt == 1
